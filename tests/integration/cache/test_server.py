"""Limits, disk, token, TLS and the end of a cache."""

from __future__ import annotations

import datetime
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress

import pyarrow as pa
import pytest
from pyarrow import flight

from flamepy.errors import ConfigError, EngineError, EngineUnavailable
from flamepy.server.objects import CacheSettings, ObjectCache
from flamepy.wire.cache import CacheClient

MIB = 1 << 20


def test_the_longest_unused_leaves_memory_first(start):
    cache = start(max_bytes=3 * MIB)
    client = CacheClient(cache.endpoint)
    for name in "abc":
        client.put(f"app/s/{name}", bytes(MIB))
    client.read("app/s/a")
    client.put("app/s/d", bytes(MIB))
    assert sorted(key for key, _ in client.sizes()) == ["app/s/a", "app/s/c", "app/s/d"]
    assert cache.statistics()["evictions"] == 1
    with pytest.raises(EngineError, match="no object app/s/b"):
        client.patch("app/s/b", b"x")
    assert client.put("app/s/b", b"again").version == 2


def test_the_number_of_objects_is_limited(start):
    cache = start(max_objects=2)
    client = CacheClient(cache.endpoint)
    for name in "abc":
        client.put(f"app/s/{name}", b"x")
    assert len(client.sizes()) == 2


def test_an_object_larger_than_the_memory_is_refused(start):
    client = CacheClient(start(max_bytes=MIB).endpoint)
    with pytest.raises(EngineError, match="does not fit"):
        client.put("app/s/x", bytes(2 * MIB))


def test_what_was_evicted_comes_back_from_disk(start, tmp_path):
    cache = start(max_bytes=3 * MIB, data=tmp_path)
    client = CacheClient(cache.endpoint)
    values = {f"app/s/{n}": os.urandom(MIB) for n in range(8)}
    for key, value in values.items():
        client.put(key, value)
        client.patch(key, key.encode())
    assert cache.statistics()["resident_bytes"] <= 3 * MIB
    for key, value in values.items():
        assert client.get(key)[:3] == (2, value, (key.encode(),))
    assert client.put("app/s/0", b"new").version == 3
    assert client.patch("app/s/1", b"more").version == 3
    assert cache.statistics()["loads"] >= 7


def test_an_object_larger_than_the_memory_lives_on_disk(start, tmp_path):
    client = CacheClient(start(max_bytes=MIB, data=tmp_path).endpoint)
    value = os.urandom(3 * MIB)
    client.put("app/s/x", value)
    assert client.read("app/s/x") == value


HARD_KEYS = ["a/b/" + "é" * 200, "a/./~x", "a.b/%2E/c d", "a/b/" + "x" * 500, "a/b/c.arrow", "a/b/c.patches", "a/b/c:1"]


def test_a_restart_keeps_everything(start, tmp_path):
    cache = start(data=tmp_path)
    client = CacheClient(cache.endpoint)
    for key in HARD_KEYS:
        client.put(key, key.encode())
        client.patch(key, b"patch")
    table = pa.table({"x": [1, 2]}).replace_schema_metadata({"mine": "kept"})
    client.put_table("a/b/table", table)
    sizes = dict(client.sizes())
    cache.stop()
    client = CacheClient(start(data=tmp_path).endpoint)
    assert dict(client.sizes()).keys() == sizes.keys()
    for key in HARD_KEYS:
        assert client.get(key)[:3] == (2, key.encode(), (b"patch",))
    assert client.get("a/b/table").table.schema.metadata[b"mine"] == b"kept"
    assert client.get("a/b/table", have=1) is None
    client.delete("a/b")
    assert not list((tmp_path / "a").glob("b/*"))


def test_files_stay_inside_the_folder(start, tmp_path):
    folder = tmp_path / "deep" / "objects"
    client = CacheClient(start(data=folder).endpoint)
    for key in HARD_KEYS:
        client.put(key, b"x")
    outside = [path for path in tmp_path.rglob("*") if path.is_file() and not path.is_relative_to(folder)]
    assert not outside


def test_a_damaged_file_is_a_missing_object(start, tmp_path):
    cache = start(data=tmp_path)
    client = CacheClient(cache.endpoint)
    client.put("app/s/x", b"value")
    cache.stop()
    (tmp_path / "app" / "s" / "x.arrow").write_bytes(b"ARROW1\0\0 cut short")
    (tmp_path / "app" / "s" / "y.txt").write_bytes(b"not ours")
    client = CacheClient(start(data=tmp_path).endpoint)
    with pytest.raises(EngineError, match="no object"):
        client.read("app/s/x")
    assert client.put("app/s/x", b"again").version == 1


def test_two_servers_do_not_share_a_folder(start, tmp_path):
    start(data=tmp_path)
    with pytest.raises(EngineError, match="another server"):
        start(data=tmp_path)


def test_two_servers_do_not_share_a_port(start):
    cache = start()
    with pytest.raises(EngineUnavailable, match="cannot listen"):
        start(endpoint=f"grpc://127.0.0.1:{cache.port}")


SERVE = """
import sys, threading
from pathlib import Path
from flamepy.server.objects import CacheSettings, ObjectCache
cache = ObjectCache(CacheSettings("grpc://127.0.0.1:0", data=Path(sys.argv[1])))
cache.start()
print(cache.endpoint, flush=True)
threading.Event().wait()
"""


@pytest.mark.faults
def test_a_killed_server_loses_no_object_that_it_had_accepted(start, tmp_path):
    server = subprocess.Popen([sys.executable, "-c", SERVE, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    accepted, big = [], os.urandom(MIB)
    try:
        client = CacheClient(server.stdout.readline().strip())
        client._patiently = lambda call, attempts=None: call(client._connected())
        with suppress(EngineError):
            while True:
                accepted.append(client.put(f"app/s/{len(accepted) % 5}", big, b"%d" % len(accepted)))
                if len(accepted) == 10:
                    threading.Timer(0.05, server.send_signal, [signal.SIGKILL]).start()
    finally:
        server.kill()
        server.wait()
        server.stdout.close()
    client = CacheClient(start(data=tmp_path).endpoint)
    last = {ref.key: ref for ref in accepted}
    assert len(accepted) >= 10
    for number, ref in enumerate(accepted):
        if last[ref.key] is ref:
            found = client.get(ref.key)
            assert found.version in {ref.version, ref.version + 1}
            if found.version == ref.version:
                assert found.data == big + b"%d" % number
    assert not list((tmp_path / ".partial").iterdir())


def test_many_clients_at_once(start, tmp_path):
    cache = start(data=tmp_path, max_bytes=MIB)
    errors = []

    def work(number):
        try:
            client = CacheClient(cache.endpoint)
            for n in range(30):
                own = client.put(f"app/s/{number}", b"%d" % n * 5000)
                assert own.version == n + 1
                client.put("app/s/common", bytes(60_000))
                client.get("app/s/common", have=n)
                client.put(f"app/t{number}", b"x")
                client.delete(f"app/t{number}")
            client.close()
        except BaseException as error:  # noqa: BLE001 - told to the test
            errors.append(error)

    threads = [threading.Thread(target=work, args=[n]) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert CacheClient(cache.endpoint).get("app/s/common").version == 240
    assert cache.statistics()["objects"] == 9


# ---- token and TLS


def test_without_the_token_nothing_is_learned(start):
    cache = start(token="secret")
    CacheClient(cache.endpoint, token="secret").put("app/s/x", b"x")
    answers = set()
    for token in (None, "wrong", "secre", "secret2"):
        client = CacheClient(cache.endpoint, token=token)
        for call in (
            lambda it: it.get("app/s/x"),
            lambda it: it.get("app/s/none"),
            lambda it: it.put("app/s/x", b"mine"),
            lambda it: it.delete("app/*"),
            lambda it: it.sizes(),
            lambda it: it.patch("app/s/x", b"mine"),
        ):
            with pytest.raises(EngineError) as caught:
                call(client)
            assert caught.value.status == "UNAUTHENTICATED"
            answers.add(str(caught.value).partition("says: ")[2])
    assert len(answers) == 1
    assert cache.statistics()["refused"] == 24
    assert bytes(CacheClient(cache.endpoint, token="secret").read("app/s/x")) == b"x"


def test_raw_calls_need_the_token_too(start):
    raw = flight.connect(start(token="secret").endpoint)
    for call in (
        lambda: raw.get_flight_info(flight.FlightDescriptor.for_path("a/b/c")),
        lambda: raw.get_schema(flight.FlightDescriptor.for_path("a/b/c")),
        lambda: list(raw.list_actions()),
        lambda: list(raw.do_action(flight.Action("x", b""))),
    ):
        with pytest.raises((flight.FlightUnauthenticatedError, OSError), match="no valid token"):
            call()
    raw.close()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A certificate for localhost that signs itself."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    today = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "cert.pem", folder / "key.pem"


def test_tls(start, certificate):
    cert, key = certificate
    cache = start(endpoint="grpcs://localhost:0", cert_file=cert, key_file=key, token="secret")
    assert cache.endpoint.startswith("grpc+tls://localhost:")
    client = CacheClient(f"grpcs://localhost:{cache.port}", ca_file=cert, token="secret")
    assert bytes(client.read(client.put("app/s", b"x"))) == b"x"


def test_tls_needs_a_certificate(start):
    with pytest.raises(ConfigError, match="certificate"):
        start(endpoint="grpcs://localhost:0")


# ---- addresses and the end


def test_clients_are_told_where_to_call(start):
    cache = start(advertise="http://cache.example.org:1234")
    client = CacheClient(f"grpc://127.0.0.1:{cache.port}")
    assert client.put("app/s", b"x").endpoint == "grpc://cache.example.org:1234"


def test_a_cache_on_all_addresses_names_one(start):
    cache = start(endpoint="grpc://0.0.0.0:0")
    assert "0.0.0.0" not in cache.endpoint
    CacheClient(cache.endpoint).put("app/s", b"x")


def test_stopping_does_not_wait_for_a_client_who_sleeps(start):
    cache = start()
    raw = flight.connect(cache.endpoint)
    _writer, _ = raw.do_put(flight.FlightDescriptor.for_path("a/b/c"), pa.schema([("version", pa.uint64())]))
    assert cache.stop(timeout=0.5) in {True, False}
    cache.stop()
    raw.close()


def test_the_default_is_this_machine_alone():
    assert CacheSettings().endpoint == "grpc://127.0.0.1:9090"
    with pytest.raises(EngineUnavailable, match="not started"):
        ObjectCache().endpoint  # noqa: B018
