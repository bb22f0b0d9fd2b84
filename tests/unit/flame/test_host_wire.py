"""The service process speaks gRPC without grpc: against grpc's own client, and the examples of the RFC."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flamepy.engines.flame.host import http2, messages
from flamepy.engines.flame.host.hpack import HeaderError, Headers, huffman
from flamepy.engines.flame.host.instance import Instance
from flamepy.wire import instance as methods
from flamepy.wire.proto import instance_pb2
from flamepy.wire.proto import types_pb2 as types

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Service:
    """An instance that answers each task with its input, on a thread."""

    def __init__(self, path: Path) -> None:
        self.instance = Instance(str(path))
        self.seen: list[tuple[str, bytes]] = []
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        came = False
        while not (came and self.instance.abandoned):
            calls, _ = self.instance.wait(0.05)
            for call in calls:
                came = True
                self.seen.append((call.method, call.message))
                self._answer(call)
        self.instance.close()

    def _answer(self, call: Any) -> None:
        if call.method == "OnTaskInvoke":
            data = messages.blob(call.message, messages.INPUT)
            if data == b"refuse":
                call.refuse("no: ünd % so on")
            else:
                call.answer(messages.task_result(data))
        else:
            call.answer(messages.result(-7, "no"))


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    running = Service(tmp_path / "x.sock")
    yield running
    running.thread.join(10)
    assert not running.thread.is_alive()
    assert not os.path.exists(tmp_path / "x.sock")


@pytest.fixture
def channel(service: Service, tmp_path: Path) -> Iterator[grpc.Channel]:
    options = [("grpc.max_receive_message_length", -1)]
    with grpc.insecure_channel(f"unix://{tmp_path}/x.sock", options) as connected:
        yield connected


def test_calls_of_all_sizes_come_back(channel: grpc.Channel):
    invoke = methods.ON_TASK_INVOKE.on(channel)
    for size in (0, 1, 100, 16_384, 65_535, 65_536, 3_900_000, 20_000_000):
        data = os.urandom(size)
        assert invoke(instance_pb2.TaskContext(task_id="1", session_id="s", input=data), timeout=20).output == data


def test_many_calls_in_a_row_share_a_connection(channel: grpc.Channel):
    invoke = methods.ON_TASK_INVOKE.on(channel)
    for number in range(300):
        data = str(number).encode()
        context = instance_pb2.TaskContext(task_id=str(number), session_id="a session with umläuts", input=data)
        assert invoke(context, metadata=(("x-trace", str(number)),), timeout=20).output == data


def test_results_and_refusals_arrive(channel: grpc.Channel, service: Service):
    result = methods.ON_SESSION_ENTER.on(channel)(
        instance_pb2.SessionContext(session_id="s", common_data=b"hello"), timeout=20
    )
    assert (result.return_code, result.message) == (-7, "no")
    assert service.seen[0][0] == "OnSessionEnter"
    assert messages.blob(service.seen[0][1], messages.COMMON_DATA) == b"hello"
    with pytest.raises(grpc.RpcError) as error:
        methods.ON_TASK_INVOKE.on(channel)(instance_pb2.TaskContext(input=b"refuse"), timeout=20)
    assert error.value.details() == "no: ünd % so on"


def test_the_rfc_s_huffman_examples():
    assert huffman(bytes.fromhex("f1e3c2e5f23a6ba0ab90f4ff")) == b"www.example.com"
    assert huffman(bytes.fromhex("a8eb10649cbf")) == b"no-cache"
    assert huffman(bytes.fromhex("9d29ad171863c78f0b97c8e9ae82ae43d3")) == b"https://www.example.com"


def test_the_rfc_s_requests_share_a_table():
    headers = Headers()
    first = headers.decode(bytes.fromhex("828684418cf1e3c2e5f23a6ba0ab90f4ff"))
    assert first[-1] == (":authority", "www.example.com")
    second = headers.decode(bytes.fromhex("828684be5886a8eb10649cbf"))
    assert second[-2:] == [(":authority", "www.example.com"), ("cache-control", "no-cache")]
    third = headers.decode(bytes.fromhex("828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf"))
    assert third[-1] == ("custom-key", "custom-value")


@given(st.binary(max_size=200))
def test_broken_headers_are_an_error_and_no_crash(data: bytes):
    try:
        Headers().decode(data)
    except HeaderError:
        pass


@given(st.binary(max_size=300))
def test_broken_connections_are_an_error_and_no_crash(data: bytes):
    connection = http2.Connection()
    try:
        connection.feed(http2.PREFACE + data)
    except (http2.ProtocolError, ValueError):
        pass


@given(st.integers(-(2**31), 2**31 - 1), st.text(max_size=50), st.binary(max_size=300))
def test_messages_are_those_of_protobuf(code: int, text: str, output: bytes):
    assert types.Result.FromString(messages.result(code, text)) == types.Result(return_code=code, message=text or None)
    told = types.TaskResult.FromString(messages.task_result(output, code, text))
    assert (told.output, told.return_code, told.message) == (output, code, text)
    context = instance_pb2.TaskContext(task_id="7", session_id="s", input=output)
    assert messages.blob(context.SerializeToString(), messages.INPUT) == output
