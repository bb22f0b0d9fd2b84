"""Put, get, patch and delete, as clients see it."""

from __future__ import annotations

import io
import os

import pyarrow as pa
import pytest
from pyarrow import flight

from flamepy.errors import EngineError, EngineUnavailable
from flamepy.wire.cache import CacheClient
from flamepy.wire.objects import ObjectRef


def refused(status, call, *args, **kwargs):
    with pytest.raises(EngineError) as caught:
        call(*args, **kwargs)
    assert caught.value.status == status
    assert "Traceback" not in str(caught.value.__cause__)
    return str(caught.value)


def test_what_is_put_comes_back(client):
    ref = client.put("app/session", b"one")
    assert ref.version == 1
    assert ref.endpoint == client.endpoint
    assert ref.key.startswith("app/session/")
    assert bytes(client.read(ref)) == b"one"
    assert bytes(client.read(ref.key)) == b"one"


def test_buffers_are_joined(client):
    ref = client.put("app/session/x", b"one", bytearray(b"two"), memoryview(b"three"))
    assert bytes(client.read(ref)) == b"onetwothree"


def test_an_empty_object_is_an_object(client):
    assert bytes(client.read(client.put("app/session", b""))) == b""
    assert bytes(client.read(client.put("app/session"))) == b""


def test_a_replaced_object_has_the_next_version(client):
    assert [client.put("app/session/x", b"%d" % n).version for n in range(3)] == [1, 2, 3]
    assert bytes(client.read("app/session/x")) == b"2"


def test_a_reader_who_has_the_current_version_gets_nothing(client, cache):
    ref = client.put("app/session/x", b"value")
    assert client.get(ref, have=1) is None
    assert cache.statistics()["not_modified"] == 1
    assert client.get(ref, have=2).data == b"value"


def test_patches_follow_what_was_put(client):
    client.put("app/session/x", b"base")
    assert [client.patch("app/session/x", b"%d" % n).version for n in range(3)] == [2, 3, 4]
    whole = client.get("app/session/x")
    assert (whole.version, whole.data, whole.patches) == (4, b"base", (b"0", b"1", b"2"))


def test_a_reader_gets_the_patches_that_he_lacks(client):
    client.put("app/session/x", b"base")
    for n in range(3):
        client.patch("app/session/x", b"%d" % n)
    assert client.get("app/session/x", have=1)[:3] == (4, None, (b"0", b"1", b"2"))
    assert client.get("app/session/x", have=3)[:3] == (4, None, (b"2",))
    assert client.get("app/session/x", have=4) is None
    assert client.get("app/session/x", have=9).data == b"base"


def test_an_update_drops_the_patches(client):
    client.put("app/session/x", b"base")
    client.patch("app/session/x", b"patch")
    assert client.put("app/session/x", b"new").version == 3
    assert client.get("app/session/x")[:3] == (3, b"new", ())
    assert client.get("app/session/x", have=1).data == b"new"


def test_a_thousand_patches_are_enough(client):
    client.put("app/session/x", b"base")
    for _ in range(1000):
        client.patch("app/session/x", b"p")
    assert "1000 patches" in refused("INVALID_ARGUMENT", client.patch, "app/session/x", b"p")
    assert len(client.get("app/session/x").patches) == 1000


def test_what_is_not_there_is_not_found(client):
    assert "no object app/session/x" in refused("NOT_FOUND", client.get, "app/session/x")
    refused("NOT_FOUND", client.patch, "app/session/x", b"patch")


def test_delete_takes_a_key_a_session_or_an_application(client):
    keys = [f"{app}/{session}/{n}" for app in "ab" for session in "st" for n in "12"]
    for key in keys:
        client.put(key, b"value")
    client.delete("a/s/1")
    client.delete("b/s")
    assert sorted(dict(client.sizes())) == ["a/s/2", "a/t/1", "a/t/2", "b/t/1", "b/t/2"]
    client.delete("a/*")
    assert sorted(dict(client.sizes())) == ["b/t/1", "b/t/2"]
    client.delete("nobody/*")
    client.delete("a/s/1")
    refused("NOT_FOUND", client.get, "a/s/2")


def test_the_successor_of_a_deleted_object_is_not_taken_for_it(client):
    ref = client.put("app/session/x", b"1")
    client.delete("app/session/x")
    assert client.put("app/session/x", b"2").version == 2
    assert client.get("app/session/x", have=ref.version).data == b"2"


def test_keys_are_listed_with_sizes(client):
    client.put("app/session/x", b"12345")
    client.patch("app/session/x", b"678")
    assert client.sizes() == [("app/session/x", 8)]


def test_a_table_keeps_its_metadata(client):
    table = pa.table({"a": [1, 2, None], "b": ["x", None, "z"]}).replace_schema_metadata({"mine": "kept"})
    ref = client.put_table("app/session", table, "pandas.dataframe")
    fetched = client.get(ref)
    assert fetched.table.equals(table)
    assert fetched.version == 1
    assert fetched.table.schema.metadata == {
        b"mine": b"kept",
        b"flame.cache.format": b"arrow-table-v1",
        b"flame.cache.version": b"1",
        b"flame.cache.logical_type": b"pandas.dataframe",
    }
    assert client.get(ref, have=1) is None
    client.put_table(ref.key, table.slice(1))
    assert client.get(ref, have=1).table.equals(table.slice(1))


@pytest.mark.parametrize(
    "table",
    [
        pa.table({"a": pa.array([], pa.int64())}),
        pa.table({"a": pa.array(["x", "y", "x"]).dictionary_encode()}),
        pa.table({"a": pa.array([[1], None, [2, 3]])}),
        pa.table({"a": pa.chunked_array([[1], [2, 3]])}),
    ],
    ids=["empty", "dictionary", "nested", "chunked"],
)
def test_any_table_is_kept(client, table):
    ref = client.put_table("app/session", table)
    assert client.get(ref).table.equals(table)
    assert client.get(ref, have=1) is None


def test_a_file_is_uploaded_and_downloaded(client):
    data = os.urandom(5 * (1 << 20) + 17)
    steps = []
    ref = client.upload("app/pkg/file.tar.gz", io.BytesIO(data), len(data), progress=lambda *step: steps.append(step))
    assert steps[-1] == (len(data), len(data))
    assert len(steps) == 6
    target = io.BytesIO()
    assert client.download(ref, target) == len(data)
    assert target.getvalue() == data


def test_a_large_object(client):
    data = os.urandom(1 << 20) * 80
    ref = client.put("app/session/big", data)
    assert client.read(ref) == data


def test_a_reference_of_another_cache_is_fetched_there(client, start):
    other = start()
    ref = CacheClient(other.endpoint).put("app/session", b"elsewhere")
    assert bytes(client.read(ref)) == b"elsewhere"
    refused("NOT_FOUND", client.get, ObjectRef(other.endpoint, "app/session/none"))


def test_a_cache_that_is_not_there(start):
    cache = start()
    client = CacheClient(cache.endpoint)
    cache.stop()
    client._patiently = lambda call, attempts=None: CacheClient._patiently(client, call, 1)
    with pytest.raises(EngineUnavailable, match="does not answer"):
        client.put("app/session", b"x")


def test_a_client_waits_for_a_cache_that_restarts(start, tmp_path):
    cache = start(data=tmp_path)
    client = CacheClient(cache.endpoint)
    ref = client.put("app/session", b"x")
    port = cache.port
    cache.stop()
    start(data=tmp_path, endpoint=f"grpc://127.0.0.1:{port}")
    assert bytes(client.read(ref)) == b"x"


@pytest.mark.parametrize("key", ["a", "a/..", "a/b/..", "a/b\\c/d", "a/*/x", "a/*"])
def test_a_malformed_key_is_no_call(client, key):
    with pytest.raises(ValueError, match=r"key|prefix"):
        client.put(key, b"x")


# ---- what other clients send


@pytest.fixture
def raw(client):
    connection = flight.connect(client.endpoint)
    yield connection
    connection.close()


def send(raw, descriptor, batches, schema):
    writer, reader = raw.do_put(descriptor, schema)
    with writer:
        for batch in batches:
            writer.write_batch(batch)
        writer.done_writing()
        return reader.read()


BLOB = pa.schema([("version", pa.uint64()), ("data", pa.binary())])
ONE = pa.record_batch([pa.array([0], pa.uint64()), pa.array([b"x"])], schema=BLOB)


@pytest.mark.parametrize("path", ["", "a", "a/../b", "a/b/c/d", "a/*/c", "a/*", "a/b/" + "x" * 2000])
def test_a_malformed_key_is_an_invalid_argument(raw, path):
    with pytest.raises(pa.ArrowInvalid, match=r"key|prefix"):
        send(raw, flight.FlightDescriptor.for_path(path), [ONE], BLOB)
    with pytest.raises(pa.ArrowInvalid, match=r"key|prefix"):
        list(raw.do_action(flight.Action("DELETE", b"a/b/.." + path.encode())))
    with pytest.raises(pa.ArrowInvalid, match=r"key|prefix"):
        raw.do_get(flight.Ticket(path.encode()))


def test_only_patch_is_a_command(raw):
    with pytest.raises(pa.ArrowInvalid, match="PATCH"):
        send(raw, flight.FlightDescriptor.for_command(b"DROP:a/b/c"), [ONE], BLOB)


@pytest.mark.parametrize("ticket", [b"a/b/c:", b"a/b/c:x", b"a/b/c:-1", b"a/b:1", b"\xff\xfe", b"a/b/c:" + b"9" * 30])
def test_a_malformed_ticket_is_an_invalid_argument(raw, ticket):
    with pytest.raises(pa.ArrowInvalid):
        raw.do_get(flight.Ticket(ticket))


def test_no_rows_are_no_data(raw):
    with pytest.raises(pa.ArrowInvalid, match="No data received"):
        send(raw, flight.FlightDescriptor.for_path("a/b/c"), [], BLOB)


def test_other_columns_are_refused(raw):
    schema = pa.schema([("version", pa.uint64()), ("data", pa.int64())])
    batch = pa.record_batch([pa.array([0], pa.uint64()), pa.array([1])], schema=schema)
    with pytest.raises(pa.ArrowInvalid, match="data"):
        send(raw, flight.FlightDescriptor.for_path("a/b/c"), [batch], schema)


def test_offsets_that_point_elsewhere_are_refused(raw):
    offsets = pa.py_buffer(b"".join(at.to_bytes(4, "little") for at in (0, 1 << 30, 64)))
    wild = pa.Array.from_buffers(pa.binary(), 2, [None, offsets, pa.py_buffer(b"x" * 64)])
    batch = pa.RecordBatch.from_arrays([pa.array([0, 0], pa.uint64()), wild], schema=BLOB)
    with pytest.raises(pa.ArrowInvalid, match=r"[Oo]ffset"):
        send(raw, flight.FlightDescriptor.for_path("a/b/c"), [batch], BLOB)


def test_one_action(raw):
    assert [action.type for action in raw.list_actions()] == ["DELETE"]
    with pytest.raises(pa.ArrowInvalid, match="DELETE"):
        list(raw.do_action(flight.Action("EVICT", b"a/b/c")))
    assert [each.body.to_pybytes() for each in raw.do_action(flight.Action("DELETE", b"a/b/c"))] == [b"OK"]


def test_flight_info_says_where_without_looking(raw, client):
    info = raw.get_flight_info(flight.FlightDescriptor.for_path("a", "b", "c"))
    assert [(each.ticket.ticket, each.locations) for each in info.endpoints] == [
        (b"a/b/c", [flight.Location(client.endpoint)])
    ]
    assert (info.total_records, info.total_bytes, info.schema) == (-1, -1, pa.schema([]))
    client.put_table("a/b/c", pa.table({"x": [1]}))
    assert raw.get_flight_info(flight.FlightDescriptor.for_path("a/b/c")).schema.names == ["x"]


def test_the_schema_of_answers(raw):
    schema = raw.get_schema(flight.FlightDescriptor.for_path("a/b/c")).schema
    assert schema.names == ["version", "kind", "data"]
    assert not any(field.nullable for field in schema)


def test_there_are_no_exchanges(raw):
    writer, reader = raw.do_exchange(flight.FlightDescriptor.for_path("a/b/c"))
    with pytest.raises(pa.lib.ArrowNotImplementedError):
        reader.read_chunk()
    with pytest.raises(pa.lib.ArrowNotImplementedError):
        writer.close()
