"""Who may ask what: tokens, certificates, addresses."""

from __future__ import annotations

import datetime
import ipaddress

import grpc
import pytest
from servers import ServerProcess

from flamepy.errors import ConfigError
from flamepy.server.config import Config, read
from flamepy.wire import frontend, health, links
from flamepy.wire.proto import frontend_pb2 as asked
from flamepy.wire.proto import health_pb2, links_pb2

TOKEN = "correct horse battery staple"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    with ServerProcess(tmp_path_factory.mktemp("guarded"), environment={"FLAME_TOKEN": TOKEN}) as server:
        yield server


def refusal(call, request, metadata=()) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as caught:
        list(call(request, metadata=metadata, timeout=10))
    return caught.value


@pytest.mark.parametrize(
    "metadata",
    [
        (),
        (("authorization", ""),),
        (("authorization", "Bearer wrong"),),
        (("authorization", TOKEN),),
        (("authorization", f"Bearer {TOKEN} "),),
        (("authorization", "Bearer wrong"), ("authorization", f"Bearer {TOKEN}")),
        (("token", TOKEN),),
    ],
)
def test_without_the_token_nothing_is_learned(guarded, metadata):
    with grpc.insecure_channel(guarded.target) as channel:
        unknown = channel.unary_unary("/no.such.Service/Method", lambda _: b"", lambda data: data)
        errors = [
            refusal(frontend.LIST_SESSION.on(channel), asked.ListSessionRequest(), metadata),
            refusal(frontend.GET_TASK.on(channel), asked.GetTaskRequest(session_id="x", task_id="y"), metadata),
            refusal(frontend.WATCH_TASK.on(channel), asked.WatchTaskRequest(), metadata),
            refusal(health.CHECK.on(channel), health_pb2.HealthCheckRequest(), metadata),
            refusal(links.PROBE.on(channel), links_pb2.ProbeRequest(), metadata),
            refusal(unknown, b"", metadata),
        ]
    assert {each.code() for each in errors} == {grpc.StatusCode.UNAUTHENTICATED}
    assert {each.details() for each in errors} == {"the request has no valid token"}


def test_with_the_token_all_is_as_ever(guarded):
    metadata = (("authorization", f"Bearer {TOKEN}"),)
    with grpc.insecure_channel(guarded.target) as channel:
        listed = frontend.LIST_APPLICATION.on(channel)(asked.ListApplicationRequest(), metadata=metadata)
        assert len(listed.applications) == 3
        answer = health.CHECK.on(channel)(health_pb2.HealthCheckRequest(), metadata=metadata)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    assert TOKEN not in "".join(guarded.lines)


def test_health_of_a_server_without_a_token(channel):
    check = health.CHECK.on(channel)
    for service in ("", "flame.v1.Frontend"):
        assert check(health_pb2.HealthCheckRequest(service=service)).status == health_pb2.HealthCheckResponse.SERVING
    error = refusal(check, health_pb2.HealthCheckRequest(service="x"))
    assert error.code() is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize("url", ["http://0.0.0.0:8080", "http://[::]:8080", "http://10.1.2.3:8080", "http://host:8080"])
def test_an_open_server_is_refused(url):
    with pytest.raises(ConfigError, match="can be reached from other machines"):
        Config(endpoint=url).checked()
    assert Config(endpoint=url, token="t").checked()
    with pytest.raises(ConfigError, match="cache"):
        Config(cache=url.replace("http", "grpc")).checked()


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1", "http://127.0.0.2"])
def test_loopback_is_open(url):
    assert Config(endpoint=url).checked()


def test_https_and_a_certificate_go_together():
    with pytest.raises(ConfigError, match=r"https needs cluster\.tls"):
        Config(endpoint="https://127.0.0.1:8080").checked()


def test_the_token_of_the_file_wins_and_is_not_shown(tmp_path):
    path = tmp_path / "flame-cluster.yaml"
    path.write_text("cluster: {name: x, token: from-file}")
    config = read(path, {"FLAME_TOKEN": "from-environment"})
    assert config.token == "from-file"
    assert "from-file" not in repr(config)
    assert read(None, {"FLAME_TOKEN": "from-environment"}).token == "from-environment"


def test_tls(tmp_path):
    certificate, key = self_signed(tmp_path)
    path = tmp_path / "flame-cluster.yaml"
    path.write_text(f"cluster: {{tls: {{cert_file: {tmp_path}/cert.pem, key_file: {tmp_path}/key.pem}}}}")
    server = ServerProcess(
        tmp_path / "data", "--config", str(path), endpoint="https://127.0.0.1:0", cache="grpcs://127.0.0.1:0"
    )
    assert key
    with server, grpc.secure_channel(server.target, grpc.ssl_channel_credentials(certificate)) as channel:
        assert server.endpoint.startswith("https://")
        assert server.cache.startswith("grpc+tls://")
        assert frontend.LIST_NODES.on(channel)(asked.ListNodesRequest(), timeout=10).nodes
        with grpc.insecure_channel(server.target) as plain:
            refusal(frontend.LIST_NODES.on(plain), asked.ListNodesRequest())


def self_signed(folder) -> tuple[bytes, bytes]:
    """Write a certificate for 127.0.0.1 and its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.timezone.utc)
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder(name, name, private.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(hours=1))
    builder = builder.not_valid_after(now + datetime.timedelta(hours=1)).add_extension(alternative, critical=False)
    certificate = builder.sign(private, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    key = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "cert.pem").write_bytes(certificate)
    (folder / "key.pem").write_bytes(key)
    return certificate, key
