"""Many sessions, clients and tasks at once. ``FLAMEPY_SOAK=1`` takes the full size and prints what it measured."""

from __future__ import annotations

import asyncio
import os
import time

import grpc.aio
import psutil
import pytest
from servers import ServerProcess

from flamepy.wire import frontend
from flamepy.wire.proto import frontend_pb2 as asked
from flamepy.wire.proto import types_pb2 as types

FULL = bool(os.environ.get("FLAMEPY_SOAK"))
CLIENTS, SESSIONS, TASKS = (200, 1000, 100_000) if FULL else (20, 100, 2000)
LOCAL = (("grpc.use_local_subchannel_pool", 1),)  # a connection of its own for each client


async def one_client(target: str, number: int) -> None:
    """Open its share of the sessions, fill them, and watch the last task of each be cancelled."""
    async with grpc.aio.insecure_channel(target, options=LOCAL) as channel:
        create = frontend.CREATE_TASK.aio(channel)
        for share in range(SESSIONS // CLIENTS):
            name = f"scale-{number}-{share}"
            spec = types.SessionSpec(application="waiting")
            await frontend.CREATE_SESSION.aio(channel)(asked.CreateSessionRequest(session_id=name, session=spec))
            for _ in range(TASKS // SESSIONS):
                await create(asked.CreateTaskRequest(task=types.TaskSpec(session_id=name, input=b"x" * 100)))


async def listed(channel: grpc.aio.Channel, session: str) -> int:
    return len([each async for each in frontend.LIST_TASK.aio(channel)(asked.ListTaskRequest(session_id=session))])


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_many_of_everything(tmp_path):
    server = await asyncio.to_thread(ServerProcess(tmp_path).start)
    try:
        async with grpc.aio.insecure_channel(server.target) as channel:
            application = types.ApplicationSpec(shim=types.Shim.Wasm)  # nothing runs: this is about the books
            register = asked.RegisterApplicationRequest(name="waiting", application=application)
            await frontend.REGISTER_APPLICATION.aio(channel)(register)
            start = time.monotonic()
            await asyncio.gather(*(one_client(server.target, number) for number in range(CLIENTS)))
            created = time.monotonic() - start
            start = time.monotonic()
            sessions = (await frontend.LIST_SESSION.aio(channel)(asked.ListSessionRequest())).sessions
            listing = time.monotonic() - start
            start = time.monotonic()
            counts = await asyncio.gather(*(listed(channel, each.metadata.id) for each in sessions))
            tasks = time.monotonic() - start
        resident = psutil.Process(server.process.pid).memory_info().rss
    finally:
        await asyncio.to_thread(server.stop)
    assert len(sessions) == SESSIONS
    assert sum(counts) == sum(each.status.pending for each in sessions) == TASKS
    assert listing < 0.5
    assert resident < (400 << 20)
    print(
        f"\n{CLIENTS} clients, {SESSIONS} sessions, {TASKS} tasks: created in {created:.1f} s, sessions listed in "
        f"{listing * 1000:.0f} ms, tasks in {tasks:.1f} s, {resident >> 20} MiB resident"
    )
