"""Bytes that nobody of good will sends get a status, and the server goes on."""

from __future__ import annotations

import os
import random

import grpc
import pyarrow as pa
import pytest
from pyarrow import flight

from flamepy.wire.cache import CacheClient

SERVICE = "/arrow.flight.protocol.FlightService/"
UNARY = ("GetFlightInfo", "GetSchema", "PollFlightInfo")
DOWN = ("ListFlights", "DoGet", "DoAction", "ListActions")
BOTH = ("DoPut", "DoExchange", "Handshake")
ROUNDS = int(os.environ.get("FUZZ_ROUNDS", "250"))
BLOB = pa.schema([("version", pa.uint64()), ("data", pa.binary())])


def varint(number: int) -> bytes:
    """A number as protobuf writes it."""
    data = bytearray()
    while number > 127:
        data.append(number & 127 | 128)
        number >>= 7
    return bytes([*data, number])


def field(number: int, data: bytes) -> bytes:
    """A field of bytes as protobuf writes it."""
    return varint(number << 3 | 2) + varint(len(data)) + data


def blob_messages() -> list[bytes]:
    """The metadata messages and bodies of a good upload, as FlightData."""
    batch = pa.record_batch([pa.array([0], pa.uint64()), pa.array([b"x" * 40])], schema=BLOB)
    table = pa.record_batch([pa.array(["a", "bc"]), pa.array([[1], [2, 3]])], names=["t", "l"])
    found = []
    for schema, each in ((BLOB, batch), (table.schema, table)):
        native = schema.with_metadata({"flame.cache.format": "arrow-table-v1"}) if schema is not BLOB else schema
        for part in (native.serialize(), each.replace_schema_metadata(native.metadata).serialize()):
            data = part.to_pybytes()
            length = int.from_bytes(data[4:8], "little")
            found.append(field(2, data[8 : 8 + length]) + field(1000, data[8 + length :]))
    return found


def damaged(rng: random.Random, data: bytes) -> bytes:
    """The same with a few bytes changed, or cut off."""
    changed = bytearray(data)
    for _ in range(rng.choice((0, 1, 2, 5))):
        changed[rng.randrange(len(changed))] = rng.choice((0, 1, 127, 128, 255, rng.randrange(256)))
    return bytes(changed[: rng.choice((len(changed), len(changed), rng.randrange(len(changed))))])


def call(channel: grpc.Channel, name: str, messages: list[bytes]) -> grpc.StatusCode:
    """Send messages and take what comes back, up to the status."""
    try:
        if name in UNARY:
            channel.unary_unary(SERVICE + name)(messages[0], timeout=10)
        elif name in DOWN:
            list(channel.unary_stream(SERVICE + name)(messages[0], timeout=10))
        else:
            list(channel.stream_stream(SERVICE + name)(iter(messages), timeout=10))
    except grpc.RpcError as error:
        code, details = error.code(), error.details() or ""
    else:
        return grpc.StatusCode.OK
    assert "Traceback" not in details
    return code


@pytest.fixture
def channel(cache):
    with grpc.insecure_channel(f"127.0.0.1:{cache.port}") as opened:
        yield opened


def descriptor(rng: random.Random) -> bytes:
    """A descriptor, mostly a good one."""
    key = rng.choice((b"app/fuzz", b"app/fuzz/x", b"app/../x", b"a", b"\xff\xfe", b"a/b/" + b"y" * 5000, b"a/*"))
    kinds = (b"\x08\x01" + field(3, key), b"\x08\x02" + field(2, b"PATCH:" + key), b"", rng.randbytes(12))
    return rng.choice(kinds)


@pytest.mark.parametrize("seed", range(3))
def test_damaged_uploads(channel, client, seed):
    rng = random.Random(seed)
    schema, batch, native, rows = blob_messages()
    good = field(1, b"\x08\x01" + field(3, b"app/fuzz/good"))
    assert call(channel, "DoPut", [good + schema, batch]) is grpc.StatusCode.OK
    assert call(channel, "DoPut", [good + native, rows]) is grpc.StatusCode.OK
    seen = set()
    for _ in range(ROUNDS):
        first, second = rng.choice(((schema, batch), (native, rows), (schema, rows), (batch, schema)))
        messages = [field(1, descriptor(rng)) + damaged(rng, first), damaged(rng, second)]
        seen.add(call(channel, "DoPut", messages[: rng.choice((1, 2, 2, 2))]))
    assert grpc.StatusCode.INVALID_ARGUMENT in seen
    for key, _ in client.sizes():
        client.get(key)
    assert bytes(client.read(client.put("app/s", b"alive"))) == b"alive"


@pytest.mark.parametrize("seed", range(3))
def test_random_bytes(channel, client, seed):
    rng = random.Random(seed)
    for _ in range(ROUNDS):
        name = rng.choice(UNARY + DOWN + BOTH)
        parts = (rng.randbytes(rng.randrange(60)), field(1, descriptor(rng)), field(1, rng.randbytes(20)))
        call(channel, name, [rng.choice(parts) for _ in range(rng.randrange(1, 4))])
    assert bytes(client.read(client.put("app/s", b"alive"))) == b"alive"


def test_a_client_who_hangs_up_halfway_leaves_nothing(client, cache):
    raw = flight.connect(client.endpoint)
    writer, _ = raw.do_put(flight.FlightDescriptor.for_path("app/s/x"), BLOB)
    writer.write_batch(pa.record_batch([pa.array([0], pa.uint64()), pa.array([b"half"])], schema=BLOB))
    del writer, _
    raw.close()
    assert [key for key, _ in CacheClient(cache.endpoint).sizes()] in ([], ["app/s/x"])
