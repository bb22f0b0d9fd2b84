"""Requests that no client would send: each gets a status code, and the server lives on."""

from __future__ import annotations

import random

import grpc
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from servers import ServerProcess

from flamepy.wire import frontend, health, links, rpc
from flamepy.wire.proto import frontend_pb2 as asked

METHODS = [
    value for table in (frontend, health, links) for value in vars(table).values() if isinstance(value, rpc.Method)
]
NAMES = ["", "s", "s-1", "../../etc/passwd", "a/b", "\0", "é" * 200, "x" * 10_000, "flmping", "1", "-1", "9" * 400]
INTEGERS = [0, 1, -1, 2**31 - 1, -(2**31), 2**32 - 1, 2**63 - 1, -(2**63), 2**64 - 1]
ROUNDS = 4000


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory):
    with ServerProcess(tmp_path_factory.mktemp("fuzz")) as server:
        yield server
        assert psutil.Process(server.process.pid).is_running()
        assert "Traceback" not in "".join(server.lines), "".join(server.lines)


@pytest.fixture(scope="module")
def open_channel(fuzzed):
    with grpc.insecure_channel(fuzzed.target) as channel:
        yield channel


def send(channel: grpc.Channel, method: rpc.Method, data: bytes) -> grpc.StatusCode:
    """Send bytes as a request; returns the status that comes back."""
    make = getattr(channel, method.kind)
    call = make(method.path, request_serializer=lambda raw: raw, response_deserializer=lambda raw: raw)
    request = iter([data]) if method.kind.startswith("stream") else data
    try:
        answer = call(request, timeout=5 if "Watch" not in method.name else 0.2)
        if method.kind.endswith("stream"):
            for _ in answer:
                pass
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK


def is_sane(code: grpc.StatusCode, method: rpc.Method) -> bool:
    """UNKNOWN is what gRPC says for an exception that nobody caught."""
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return method.kind.endswith("stream")
    return code is not grpc.StatusCode.UNKNOWN


def filled(message, chance: random.Random, depth: int = 0):
    """Fill a message's fields with what is least expected of them."""
    for field in message.DESCRIPTOR.fields:
        if chance.random() < 0.4 or (field.message_type and field.message_type.GetOptions().map_entry):
            continue
        if field.is_repeated:
            if field.message_type is None:
                getattr(message, field.name).extend(value(field, chance) for _ in range(chance.randint(0, 3)))
            else:
                for _ in range(chance.randint(0, 2)):
                    filled(getattr(message, field.name).add(), chance, depth + 1)
        elif field.message_type is not None:
            getattr(message, field.name).SetInParent()
            filled(getattr(message, field.name), chance, depth + 1)
        else:
            setattr(message, field.name, value(field, chance))
    return message


def value(field, chance: random.Random):
    kind = field.cpp_type
    if kind == field.CPPTYPE_STRING:
        text = chance.choice(NAMES)
        return text if field.type == field.TYPE_STRING else text.encode()
    if kind == field.CPPTYPE_BOOL:
        return chance.random() < 0.5
    if kind in (field.CPPTYPE_DOUBLE, field.CPPTYPE_FLOAT):
        return chance.choice([0.0, -1.0, float("inf"), float("nan")])
    if kind == field.CPPTYPE_ENUM:
        return chance.choice([0, 1, 77])
    bounds = {
        field.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
        field.CPPTYPE_UINT32: (0, 2**32 - 1),
        field.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
        field.CPPTYPE_UINT64: (0, 2**64 - 1),
    }[kind]
    return chance.choice([each for each in INTEGERS if bounds[0] <= each <= bounds[1]])


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_well_formed_nonsense(open_channel):
    chance = random.Random(7)
    codes = set()
    for _ in range(ROUNDS):
        method = chance.choice(METHODS)
        code = send(open_channel, method, filled(method.asked(), chance).SerializeToString())
        assert is_sane(code, method), (method, code)
        codes.add(code)
    assert grpc.StatusCode.OK in codes
    assert grpc.StatusCode.NOT_FOUND in codes
    assert grpc.StatusCode.INVALID_ARGUMENT in codes


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_random_bytes(open_channel):
    chance = random.Random(11)
    for _ in range(ROUNDS):
        method = chance.choice(METHODS)
        data = chance.randbytes(chance.choice([0, 1, 2, 7, 40, 500]))
        code = send(open_channel, method, data)
        assert is_sane(code, method), (method, code)


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_messages_with_flipped_bits(open_channel):
    chance = random.Random(13)
    for _ in range(ROUNDS):
        method = chance.choice(METHODS)
        data = bytearray(filled(method.asked(), chance).SerializeToString()[:5000])
        for _ in range(chance.randint(1, 4)):
            if data:
                data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        code = send(open_channel, method, bytes(data))
        assert is_sane(code, method), (method, code)


@pytest.fixture(scope="module")
def application(open_channel):
    request = asked.RegisterApplicationRequest(name="fuzzed-application")
    request.application.command = "/bin/false"
    assert frontend.REGISTER_APPLICATION.on(open_channel)(request).return_code == 0
    return request.name


@settings(max_examples=150)
@given(name=st.text(max_size=300), task=st.text(max_size=40), payload=st.binary(max_size=2000))
def test_any_text_is_a_name(open_channel, application, name, task, payload):
    try:
        data = asked.OpenSessionRequest(session_id=name)
    except (UnicodeEncodeError, ValueError):
        return  # protobuf takes no lone surrogates
    data.session.application = application
    data.session.common_data = payload
    assert send(open_channel, frontend.OPEN_SESSION, data.SerializeToString()) in {
        grpc.StatusCode.OK,
        grpc.StatusCode.INVALID_ARGUMENT,
    }
    wanted = asked.GetTaskRequest(session_id=name, task_id=task).SerializeToString()
    code = send(open_channel, frontend.GET_TASK, wanted)
    assert code in {grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT}
    closing = asked.CloseSessionRequest(session_id=name).SerializeToString()
    assert send(open_channel, frontend.CLOSE_SESSION, closing) is grpc.StatusCode.OK


def test_a_message_that_is_too_large(open_channel):
    data = asked.CreateTaskRequest()
    data.task.input = b"x" * (5 << 20)
    code = send(open_channel, frontend.CREATE_TASK, data.SerializeToString())
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
