"""Serve ``flame.v1.Instance`` on the socket that an executor names."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING, Any

import grpc.aio

from flamepy.wire import instance
from flamepy.wire.proto import types_pb2 as types
from flamepy.wire.rpc import handlers

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from flamepy.wire.proto import instance_pb2 as asked


class InstanceService:
    """A service whose tasks are ``run(common data, input) -> output``.

    Args:
        run: Does one task; what it raises fails the task.
    """

    def __init__(self, run: Callable[[bytes, bytes], Awaitable[bytes]]) -> None:
        self._run = run
        self._common = b""

    async def enter(self, context: asked.SessionContext, _: Any) -> types.Result:
        """Take the session's common data."""
        self._common = context.common_data
        return types.Result()

    async def invoke(self, context: asked.TaskContext, _: Any) -> types.TaskResult:
        """Do one task."""
        try:
            return types.TaskResult(output=await self._run(self._common, context.input))
        except Exception as error:  # noqa: BLE001 - whatever it is, the task has failed with it
            return types.TaskResult(return_code=-1, message=f"{type(error).__name__}: {error}")

    async def leave(self, _: types.EmptyRequest, __: Any) -> types.Result:
        """Take leave."""
        return types.Result()


def serve(run: Callable[[bytes, bytes], Awaitable[bytes]]) -> None:
    """Serve until the process is told to end."""
    asyncio.run(_serve(InstanceService(run)))


async def _serve(service: InstanceService) -> None:
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", -1)])
    methods = [
        instance.ON_SESSION_ENTER.served(service.enter),
        instance.ON_TASK_INVOKE.served(service.invoke),
        instance.ON_SESSION_LEAVE.served(service.leave),
    ]
    server.add_generic_rpc_handlers(handlers(methods))
    server.add_insecure_port(f"unix://{os.environ['FLAME_INSTANCE_ENDPOINT']}")
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await server.start()
    await ended.wait()
    await server.stop(None)
