"""Speak to a service: gRPC on its Unix socket."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import grpc
import grpc.aio

from flamepy.wire import instance
from flamepy.wire.proto import instance_pb2 as asked
from flamepy.wire.proto import types_pb2 as types

if TYPE_CHECKING:
    from pathlib import Path

    from flamepy.server.host.process import Process
    from flamepy.server.records import Application, Session, Task

_OPTIONS = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.initial_reconnect_backoff_ms", 20),  # until the service listens
    ("grpc.max_reconnect_backoff_ms", 200),
    ("grpc.enable_http_proxy", 0),
    ("grpc.use_local_subchannel_pool", 1),
)

LEAVE_SECONDS = 5.0
"""How long a service may take to say goodbye."""


class Instance:
    """A service, as its executor calls it.

    Every call fails with `grpc.aio.AioRpcError`, and as soon as the process has ended with `asyncio.CancelledError`,
    which its caller tells from its own by looking at ``process.ended``.

    Args:
        socket: Where the service listens, or is going to.
        process: Its process.
    """

    def __init__(self, socket: Path, process: Process) -> None:
        self._process = process
        self._channel = grpc.aio.insecure_channel(f"unix://{socket}", options=_OPTIONS)
        self._enter = instance.ON_SESSION_ENTER.aio(self._channel)
        self._invoke = instance.ON_TASK_INVOKE.aio(self._channel)
        self._leave = instance.ON_SESSION_LEAVE.aio(self._channel)
        self._call: grpc.aio.Call | None = None
        process.ended.add_done_callback(self._died)

    async def enter(self, session: Session, application: Application) -> types.Result:
        """Say which session it serves; waits for the service to listen."""
        context = session_context(session, application)
        call = self._call = self._enter(context, wait_for_ready=True)
        return await call

    async def invoke(self, task: Task, payload: bytes | None) -> types.TaskResult:
        """Run a task on its input."""
        context = asked.TaskContext(task_id=str(task.number), session_id=task.session.id, input=payload)
        call = self._call = self._invoke(context)
        return await call

    async def leave(self) -> None:
        """Say that the session is over; what the service makes of it does not matter."""
        call = self._call = self._leave(types.EmptyRequest(), timeout=LEAVE_SECONDS)
        await asyncio.wait([asyncio.ensure_future(_quietly(call))])

    def cancel(self) -> None:
        """Give up the call that is under way."""
        if self._call is not None:
            self._call.cancel()

    async def close(self) -> None:
        """Close the connection."""
        self._process.ended.remove_done_callback(self._died)
        await self._channel.close(None)

    def _died(self, _: asyncio.Future[int]) -> None:
        self.cancel()


def session_context(session: Session, application: Application) -> asked.SessionContext:
    """Return what a service is told of its session."""
    context = asked.SessionContext(session_id=session.id)
    if session.spec.HasField("common_data"):
        context.common_data = session.spec.common_data
    spec = application.spec
    context.application.name = application.name
    context.application.shim = spec.shim
    for field in ("image", "command", "working_directory", "url", "installer"):
        if spec.HasField(field):
            setattr(context.application, field, getattr(spec, field))
    return context


async def _quietly(call: grpc.aio.UnaryUnaryCall[types.EmptyRequest, types.Result]) -> None:
    try:
        await call
    except (grpc.aio.AioRpcError, asyncio.CancelledError):
        pass
