"""``flamepy.Links``: executors lent to clients that speak flamepy's own stream; they schedule their calls themselves.

One ``Carry`` call is one executor, from its start to its end. It belongs to a session that the client has opened
through the Frontend, and whose counters it tells us, so that lists show it like any other.
"""

from __future__ import annotations

import asyncio
import sys
import uuid
from typing import TYPE_CHECKING, Any, Protocol

import grpc

from flamepy.errors import FlameError
from flamepy.model.lifecycle import ExecutorEvent, TaskState
from flamepy.server import records
from flamepy.server.refusals import Refused
from flamepy.wire import links
from flamepy.wire.proto import links_pb2 as messages

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from flamepy.server.app import Server
    from flamepy.wire.rpc import Served

    Frames = AsyncIterator[messages.CarryFrame]
    Context = grpc.aio.ServicerContext[messages.CarryFrame, messages.CarryFrame]

KEPT = 4 << 20
"""Bytes from a client that are kept for an executor that has no room yet; after that it has to wait."""

SHORT_WAIT = 0.2
"""Seconds after which a client is told that its executor has no room."""

LONG_WAIT = 5.0
"""Seconds until it is told again, as the reason may be another one."""

BELL_BYTES = 8
"""Of the number of a call, in a ring of the bell."""


class Executor(Protocol):
    """An executor on this machine, as the entry point brings it."""

    @property
    def pid(self) -> int:
        """Its process."""

    @property
    def running(self) -> int:
        """Number of the call that it runs, or ran when it ended."""

    async def start(self) -> None:
        """Start it."""

    def send(self, data: bytes) -> None:
        """Send bytes to it."""

    def write(self, name: str, capacity: int, offset: int, data: bytes) -> None:
        """Take in a part of an object."""

    def ring(self, bell: bytes) -> None:
        """Interrupt it."""

    def kill(self) -> None:
        """End its process."""

    async def next(self) -> tuple[str, Any]:
        """What it says next; "ended" is the last, and comes at once after `let_go`."""

    def let_go(self) -> None:
        """Nobody wants it any more; from any coroutine."""

    async def end(self) -> int | None:
        """Let it end; returns its wait status."""


class Links:
    """The service.

    Args:
        server: Whose.
        executors: Makes an executor from a client's order.
    """

    def __init__(self, server: Server, executors: Callable[[dict[str, Any]], Executor]) -> None:
        self._server = server
        self._executors = executors
        self._ending: set[asyncio.Future[int | None]] = set()

    def served(self) -> Iterator[Served]:
        """Yield what is served."""
        yield links.PROBE.served(self._probe)
        yield links.CARRY.served(self._carry)

    async def _probe(self, request: messages.ProbeRequest, _context: object) -> messages.ProbeReply:
        python = f"{sys.version_info[0]}.{sys.version_info[1]}"
        refusal = ""
        if request.python != python:
            refusal = f"executors here have Python {python}, and the client {request.python}"
        elif request.protocol != links.PROTOCOL:
            refusal = f"the server speaks version {links.PROTOCOL} of the stream, and the client {request.protocol}"
        return messages.ProbeReply(
            python=python,
            protocol=links.PROTOCOL,
            server=self._server.id,
            carries=not refusal,
            pythons=[python],
            node=self._server.machine.name,
            refusal=refusal,
        )

    async def _asked(self, frames: Frames, context: Context) -> tuple[messages.Open, records.Session]:
        """What a client wants, and the session that it is for."""
        first = await anext(aiter(frames), None)
        if first is None or first.WhichOneof("kind") != "open":
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the first frame of a stream says what to start")
        assert first is not None
        try:
            return first.open, self._server.book.session(first.open.session)
        except Refused as error:
            await context.abort(grpc.StatusCode.NOT_FOUND, str(error))

    async def _carry(self, frames: Frames, context: Context) -> Frames:
        asked, session = await self._asked(frames, context)
        executor = self._executors(_order(asked))
        over = asyncio.Event()

        def dismiss() -> None:
            over.set()
            executor.let_go()

        record = records.Executor(str(uuid.uuid4()), session, self._server.book.clock(), dismiss, lent=True)
        inbox = _Inbox(executor, session)
        receiving = asyncio.ensure_future(_receive(frames, inbox, dismiss))
        running, status = 0, None
        try:
            async for frame in self._wait_for_room(record, over, sized=asked.sized):
                yield frame
            if not over.is_set():
                async for frame in self._serve(executor, record, inbox, over):
                    yield frame
        finally:
            receiving.cancel()
            running = executor.running
            ending = asyncio.ensure_future(self._end(executor, record))
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)
            # A client that is gone ends the call a second time, while the first end is being carried out.
            status = await asyncio.shield(ending)
        if record.pid:
            yield _frame(ended=messages.Ended(status=status or 0, running=running))

    async def _end(self, executor: Executor, record: records.Executor) -> int | None:
        try:
            return await executor.end()
        finally:
            self._server.fleet.dismiss(record)

    async def _wait_for_room(self, record: records.Executor, over: asyncio.Event, *, sized: bool) -> Frames:
        """Return when the executor may be there or is no longer wanted; tells the client if that takes a while."""
        lending = asyncio.ensure_future(self._server.fleet.lend(record, sized=sized))
        ending = asyncio.ensure_future(over.wait())
        both: set[asyncio.Future[Any]] = {lending, ending}
        try:
            ready, _ = await asyncio.wait(both, timeout=SHORT_WAIT, return_when=asyncio.FIRST_COMPLETED)
            while not ready:
                why = self._server.fleet.why_waiting(record.session)
                yield _frame(progress=messages.Progress(step=f"waits for room on {self._server.machine.name}: {why}"))
                ready, _ = await asyncio.wait(both, timeout=LONG_WAIT, return_when=asyncio.FIRST_COMPLETED)
            if lending.done():
                lending.result()
        except Refused as error:
            over.set()
            yield _frame(ended=messages.Ended(lost=True, reason=str(error)))
        finally:
            for each in both:
                each.cancel()

    async def _serve(self, executor: Executor, record: records.Executor, inbox: _Inbox, over: asyncio.Event) -> Frames:
        """Start an executor and pass on what it says, until it has ended or is no longer wanted."""
        record.take(ExecutorEvent.STARTED)
        try:
            await executor.start()
        except (FlameError, OSError) as error:
            yield _frame(ended=messages.Ended(lost=True, reason=f"{type(error).__name__}: {error}"))
            return
        record.pid = executor.pid
        record.take(ExecutorEvent.READY)
        yield _frame(started=messages.Started(pid=executor.pid, executor=record.id, node=self._server.machine.name))
        inbox.open()
        while not over.is_set():
            kind, what = await executor.next()
            if kind == "ended":
                return
            yield _said(kind, what)


class _Inbox:
    """What the client sends to an executor; kept until there is one."""

    def __init__(self, executor: Executor, session: Any) -> None:
        self._executor = executor
        self._session = session
        self._kept: list[messages.CarryFrame] = []
        self._size = 0
        self._opened = asyncio.Event()

    async def take(self, frame: messages.CarryFrame) -> None:
        """Pass a frame on, or keep it; waits when too much is kept."""
        if self._opened.is_set():
            self._pass_on(frame)
            return
        self._kept.append(frame)
        self._size += len(frame.data) + len(frame.piece.data)
        if self._size > KEPT:
            await self._opened.wait()

    def open(self) -> None:
        """The executor is there."""
        kept, self._kept = self._kept, []
        for frame in kept:
            self._pass_on(frame)
        self._opened.set()

    def _pass_on(self, frame: messages.CarryFrame) -> None:
        kind = frame.WhichOneof("kind")
        if kind == "data":
            self._executor.send(frame.data)
        elif kind == "piece":
            piece = frame.piece
            self._executor.write(piece.name, piece.size, piece.offset, piece.data)
        elif kind == "ring":
            self._executor.ring(bytes((frame.ring.why,)) + frame.ring.number.to_bytes(BELL_BYTES, "little"))
        elif kind == "kill":
            self._executor.kill()
        elif kind == "tally":
            _count(self._session, frame.tally)


async def _receive(frames: Frames, inbox: _Inbox, dismiss: Callable[[], None]) -> None:
    """Take in what the client sends, until it has sent everything."""
    try:
        async for frame in frames:
            await inbox.take(frame)
    finally:
        dismiss()


def _count(session: Any, tally: messages.Tally) -> None:
    """Note what the client says of its calls."""
    session.tally = {
        TaskState.PENDING: tally.pending,
        TaskState.RUNNING: tally.running,
        TaskState.SUCCEED: tally.succeed,
        TaskState.FAILED: tally.failed,
        TaskState.CANCELLED: tally.cancelled,
    }


def _said(kind: str, what: Any) -> messages.CarryFrame:
    if kind == "data":
        return messages.CarryFrame(data=what)
    if kind == "output":
        return _frame(output=messages.Output(stream=2, data=what))
    name, capacity, offset, data = what
    return _frame(piece=messages.Piece(name=name, size=capacity, offset=offset, data=data))


def _frame(**kind: Any) -> messages.CarryFrame:
    return messages.CarryFrame(**kind)


def _order(asked: messages.Open) -> dict[str, Any]:
    return {
        "name": asked.package.name,
        "url": asked.package.url,
        "sha256": asked.package.sha256,
        "import_roots": tuple(asked.package.import_roots),
        "cwd": asked.package.cwd,
        "environment": "current" if asked.environment_current else "fitting" if asked.environment_fitting else "uv",
        "object_memory": asked.resources.memory,
        "creator": asked.service,
    }
