"""The generated messages are those of the .proto files, and their method tables speak to a real gRPC server."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import grpc
import grpc.aio
import pytest

from flamepy.wire import frontend, instance, links, rpc
from flamepy.wire.proto import desk_pb2, frontend_pb2, links_pb2, types_pb2

SOURCE = Path(__file__).parents[3] / "src"
FOLDER = SOURCE / "flamepy" / "wire" / "proto"
TABLES = (frontend, instance, links)


def methods(table) -> dict[str, rpc.Method]:
    return {each.name: each for each in vars(table).values() if isinstance(each, rpc.Method)}


def test_the_modules_are_what_protoc_writes(tmp_path):
    files = sorted(path.relative_to(SOURCE) for path in FOLDER.glob("*.proto"))
    command = [sys.executable, "-m", "grpc_tools.protoc", f"--proto_path={SOURCE}", f"--python_out={tmp_path}"]
    subprocess.run([*command, f"--pyi_out={tmp_path}", *map(str, files)], check=True)
    written = {path.name: path.read_bytes() for path in (tmp_path / "flamepy/wire/proto").iterdir()}
    kept = {path.name: path.read_bytes() for path in FOLDER.glob("*_pb2.py*")}
    assert written == kept, "python3 dev.py proto"


def test_no_name_of_ours_is_one_of_upstreams():
    """Two libraries of one process share protobuf's pool of names."""
    for module in (types_pb2, frontend_pb2, links_pb2, desk_pb2):
        assert module.DESCRIPTOR.name.startswith("flamepy/wire/proto/")
        assert module.DESCRIPTOR.package.startswith("flamepy.")


def test_the_frontend_has_the_methods_of_flame():
    paths = {each.path for each in methods(frontend).values()}
    assert len(paths) == 18
    assert all(path.startswith("/flame.v1.Frontend/") for path in paths)
    assert set(methods(instance)) == {"OnSessionEnter", "OnTaskInvoke", "OnSessionLeave"}
    assert frontend.GET_TASK.service == "flame.v1.Frontend"


def test_a_name_says_which_method_it_is():
    for table in TABLES:
        for name, value in vars(table).items():
            if isinstance(value, rpc.Method):
                assert name.replace("_", "").lower() == value.name.lower()


async def get_task(request, context):
    return types_pb2.Task(metadata=types_pb2.Metadata(id=request.task_id))


async def list_task(request, context):
    for number in (1, 2, 3):
        yield types_pb2.Task(metadata=types_pb2.Metadata(id=str(number)))


async def carry(frames, context):
    async for frame in frames:
        yield links_pb2.CarryFrame(data=frame.data[::-1])


@pytest.fixture
async def target():
    server = grpc.aio.server()
    served = [
        frontend.GET_TASK.served(get_task),
        frontend.LIST_TASK.served(list_task),
        links.CARRY.served(carry),
    ]
    server.add_generic_rpc_handlers(rpc.handlers(served))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(None)


async def test_each_kind_of_method_on_an_asyncio_channel(target):
    async with grpc.aio.insecure_channel(target) as channel:
        task = await frontend.GET_TASK.aio(channel)(frontend_pb2.GetTaskRequest(task_id="7", session_id="s"))
        assert task.metadata.id == "7"
        listed = frontend.LIST_TASK.aio(channel)(frontend_pb2.ListTaskRequest(session_id="s"))
        assert [each.metadata.id async for each in listed] == ["1", "2", "3"]
        frames = links.CARRY.aio(channel)(links_pb2.CarryFrame(data=each) for each in (b"ab", b"cd"))
        assert [frame.data async for frame in frames] == [b"ba", b"dc"]


async def test_the_same_methods_on_a_blocking_channel(target):
    import asyncio

    def ask() -> tuple[str, list[str]]:
        with grpc.insecure_channel(target) as channel:
            task = frontend.GET_TASK.on(channel)(frontend_pb2.GetTaskRequest(task_id="8"))
            listed = frontend.LIST_TASK.on(channel)(frontend_pb2.ListTaskRequest(session_id="s"))
            return task.metadata.id, [each.metadata.id for each in listed]

    assert await asyncio.to_thread(ask) == ("8", ["1", "2", "3"])


async def test_a_method_that_is_not_served_says_so(target):
    async with grpc.aio.insecure_channel(target) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await links.PROBE.aio(channel)(links_pb2.ProbeRequest())
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
