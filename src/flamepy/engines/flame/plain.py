"""Executors over plain ``flame.v1``: each is a session whose tasks are letters; see `host.letters`.

Flame gives a session's tasks to any of its processes, and a conversation needs one and the same. So each executor has a
session of its own, of one process at most.
"""

from __future__ import annotations

import asyncio
import os
from time import monotonic
from typing import TYPE_CHECKING

from flamepy.engines.flame.application import KEEP_SECONDS, application_spec, requirement
from flamepy.engines.flame.carrier import FlameCarrier
from flamepy.engines.flame.host.letters import LIMIT, Letter, Reply, pack_hello
from flamepy.engines.flame.pipe import Pipe
from flamepy.engines.flame.sdk import first_task
from flamepy.engines.linked.process import End
from flamepy.errors import EngineError

if TYPE_CHECKING:
    from typing import Any

    from flamepy.engines.flame.lease import Held
    from flamepy.model.specs import PackageRef, SessionSpec
    from flamepy.wire.proto import types_pb2 as types

SHORTEST_HOLD, LONGEST_HOLD = 0.02, 1.0
"""Seconds that a reply may be kept back: a tenth of the time in which nothing has happened, between these bounds."""

AFTERTHOUGHT = 0.1
"""Seconds after the last reply at which one more letter asks for what was printed late."""

LOOK_SECONDS = 2.0
"""Seconds between two looks why an executor does not start."""

LOST_SECONDS = 120.0
"""Seconds in which a session manager that is gone has to be back."""

RETRY_SECONDS = 0.2
"""Seconds between two tries to close a session whose task has not ended."""

CALL_SECONDS = 30.0

GIVEN_UP = 1002
"""Code of the event after which a session gets no more processes; 1001 is one that could not be started."""

DONE = 2
"""The first of the states of a task that is over."""

SUCCEED, CANCELLED = 2, 4


class PlainCarrier(FlameCarrier):
    """Registers an application for each runner and opens a session of it for each executor."""

    latency = 0.004

    _applications: dict[str, str]

    def prepare(self, package: PackageRef) -> None:
        """Register the runner's application."""
        self._applications = getattr(self, "_applications", {})
        name = f"{package.name}-{self.engine}"
        description = f"flamepy runner '{package.name}' of {os.uname().nodename}, process {os.getpid()}"
        spec = application_spec(self.frontend, self.context.template, description)
        self.frontend.register_application(name, spec)
        self._applications[package.name] = name

    def held(self) -> Held:
        """The runners' applications; their sessions go with them."""
        return (), list(getattr(self, "_applications", {}).values())

    def forget(self, package: PackageRef) -> None:
        """Its sessions are about to be closed; the application goes with the engine."""

    def application_of(self, spec: SessionSpec) -> str:
        """The application of a service's runner."""
        return self._applications[spec.package.name]

    def make_pipe(self, number: int, spec: SessionSpec) -> Pipe:
        """Open a session for an executor."""
        from flamepy.wire.proto import types_pb2 as types

        session = types.SessionSpec(
            application=self.application_of(spec),
            common_data=pack_hello(self.order(number, spec)),
            min_instances=0,
            max_instances=1,
            batch_size=1,
            resreq=requirement(spec.resources),
        )
        pipe = PlainPipe(self, number, spec)
        self.wire.spawn(pipe.run(session))
        return pipe

    def clean_up(self) -> None:
        """Unregister the runners' applications; a cluster that is gone keeps them."""
        for name in getattr(self, "_applications", {}).values():
            try:
                self.frontend.unregister_application(name)
            except EngineError as error:
                import logging

                logging.getLogger("flamepy").warning("the application '%s' stays registered: %s", name, error)


class Lost(Exception):
    """The conversation with an executor cannot go on; ``args[0]`` is its `End`."""


class PlainPipe(Pipe):
    """One executor behind a session of its own."""

    async def run(self, spec: types.SessionSpec) -> None:
        """Open the session, exchange letters, close it."""
        self._session = f"{spec.application}-{self._slug()}-{self.number}"
        self._number = 0
        self._stub = Calls(self._wire)
        self._touched = monotonic()
        self._afterthought = False
        end = End(reason="was not reached: this program is about to end")
        try:
            await self._stub.create_session(self._session, spec)
            end = await self._converse()
        except Lost as lost:
            end = lost.args[0]
        except Exception as error:  # noqa: BLE001 - whatever it is, this executor is lost
            end = End(reason=f"cannot be reached any more: {_words(error)}", infrastructure=_is_lost(error))
        finally:
            try:
                await self._close_session()
            finally:
                self.ended(end)

    def _slug(self) -> str:
        return "".join(c if c.isalnum() else "-" for c in self.spec.name).strip("-").lower()[:40] or "service"

    # ---- the conversation

    async def _converse(self) -> End:
        more = True
        while True:
            if not more:
                await self._wait()
            if self._hung_up and not self._killed and not self.tally.owed:
                return End(status=0)
            more = False
            reply = await self._exchange()
            end = await self._take_in(reply)
            if end is not None:
                return end
            more = reply.more or not self.pid or bool(self._outbox or self._bells) or self._killed
            more = more or bool((self.tally.owed or self.tally.awaits) and not self._hung_up)
            if self._hung_up:
                return End(status=0)

    async def _wait(self) -> None:
        """Wait for something to say; at last say something so that the process is kept."""
        seconds = AFTERTHOUGHT if self._afterthought else KEEP_SECONDS
        self._afterthought = False
        self.stirred.clear()
        if not (self._outbox or self._bells or self._killed or self._hung_up):
            try:
                await asyncio.wait_for(self.stirred.wait(), seconds)
            except asyncio.TimeoutError:
                return

    async def _exchange(self) -> Reply:
        self._number += 1
        data, pieces = self._outbox.fill(LIMIT)
        bells, self._bells = self._bells, b""
        if data or bells:
            self._touched = monotonic()
        hold = LONGEST_HOLD
        if self.pid:
            hold = min(LONGEST_HOLD, max(SHORTEST_HOLD, (monotonic() - self._touched) / 10))
        letter = Letter(self._number, data, pieces, bells, hold, self._killed).pack()
        self.start_reading()
        output = await self._task(first_task(letter) if self._number == 1 else letter)
        return Reply.unpack(output)

    async def _take_in(self, reply: Reply) -> End | None:
        """Pass a reply on; returns the executor's end if it is that."""
        if reply.lost:
            return End(reason="was lost together with its service process", infrastructure=True)
        self._afterthought = bool(reply.data)
        for piece in reply.pieces:
            self._carrier.objects.write(*piece)
        if reply.data or reply.output:
            self._touched = monotonic()
            self.tell_output(reply.output)
        if reply.pid:
            self.started(reply.pid, reply.node)
        self.last_running = reply.running
        await self.tell(reply.data)
        if reply.reason:
            return End(reason=f"could not be started on {reply.node}: {reply.reason}")
        if reply.status is not None:
            return End(reply.status, running=reply.running)
        return None

    # ---- one task

    async def _task(self, data: bytes) -> bytes:
        """Have a task done; sent again if nobody knows whether it was taken, which its letter's number allows."""
        while True:
            try:
                task = await self._stub.create_task(self._session, data)
                done = await self._finished(task.metadata.id)
            except Exception as error:
                if not _is_lost(error):
                    raise
                await self._stub.come_back(self._session, LOST_SECONDS)
            else:
                break
        if done.status.state == SUCCEED:
            return done.spec.output
        if done.status.state == CANCELLED:
            raise Lost(End(reason="was ended: somebody closed its session"))
        done = await self._stub.get_task(self._session, done.metadata.id)  # which has the events
        text = "; ".join(event.message for event in done.status.events if event.code == done.status.state)
        raise Lost(End(reason=f"was lost: {text or 'its service process ended'}"))

    async def _finished(self, task: str) -> types.Task:
        watching = asyncio.ensure_future(self._stub.watch_task(self._session, task))
        try:
            while True:
                ready, _ = await asyncio.wait({watching}, timeout=None if self.pid else LOOK_SECONDS)
                if ready:
                    return watching.result()
                await self._look_why()
        finally:
            watching.cancel()

    async def _look_why(self) -> None:
        """It does not start: the session's events may say why."""
        session = await self._stub.get_session(self._session)
        for event in session.status.events:
            if event.code == GIVEN_UP or (event.code == GIVEN_UP - 1 and self._ending):
                texts = [each.message for each in session.status.events if each.code >= GIVEN_UP - 1]
                raise Lost(End(reason=f"could not be started: {'; '.join(texts)}"))

    @property
    def _ending(self) -> bool:
        return self._hung_up

    async def _close_session(self) -> None:
        for _ in range(50):
            try:
                await self._stub.close_session(self._session)
            except Exception as error:  # noqa: BLE001 - the cluster may be gone; then there is nothing to close
                if _is_lost(error) or "running" not in _words(error).lower():
                    return
            else:
                return
            await asyncio.sleep(RETRY_SECONDS)


class Calls:
    """The calls of the Frontend that an executor needs, on the wire's loop."""

    def __init__(self, wire: Any) -> None:
        from flamepy.wire import frontend as methods
        from flamepy.wire.proto import frontend_pb2, types_pb2

        self._asked, self._types = frontend_pb2, types_pb2
        channel = wire.channel
        self._metadata = wire.address.metadata
        self._create_session = methods.CREATE_SESSION.aio(channel)
        self._close_session = methods.CLOSE_SESSION.aio(channel)
        self._get_session = methods.GET_SESSION.aio(channel)
        self._create_task = methods.CREATE_TASK.aio(channel)
        self._get_task = methods.GET_TASK.aio(channel)
        self._watch_task = methods.WATCH_TASK.aio(channel)

    async def create_session(self, session: str, spec: types.SessionSpec) -> None:
        """Create a session of a new id."""
        asked = self._asked.CreateSessionRequest(session_id=session, session=spec)
        await self._create_session(asked, timeout=CALL_SECONDS, metadata=self._metadata)

    async def close_session(self, session: str) -> None:
        """Close a session."""
        asked = self._asked.CloseSessionRequest(session_id=session)
        await self._close_session(asked, timeout=CALL_SECONDS, metadata=self._metadata)

    async def get_session(self, session: str) -> types.Session:
        """Return a session with its events."""
        asked = self._asked.GetSessionRequest(session_id=session)
        return await self._get_session(asked, timeout=CALL_SECONDS, metadata=self._metadata)

    async def come_back(self, session: str, seconds: float) -> None:
        """Wait until the session manager answers again, and see that it still knows a session."""
        asked = self._asked.GetSessionRequest(session_id=session)
        await self._get_session(asked, timeout=seconds, metadata=self._metadata, wait_for_ready=True)

    async def create_task(self, session: str, data: bytes) -> types.Task:
        """Submit a task."""
        asked = self._asked.CreateTaskRequest(task=self._types.TaskSpec(session_id=session, input=data))
        return await self._create_task(asked, timeout=CALL_SECONDS, metadata=self._metadata)

    async def get_task(self, session: str, task: str) -> types.Task:
        """Return a task with its events."""
        asked = self._asked.GetTaskRequest(session_id=session, task_id=task)
        return await self._get_task(asked, timeout=CALL_SECONDS, metadata=self._metadata)

    async def watch_task(self, session: str, task: str) -> types.Task:
        """Return a task when it is over."""
        asked = self._asked.WatchTaskRequest(session_id=session, task_id=task)
        while True:
            async for found in self._watch_task(asked, metadata=self._metadata):
                if found.status.state >= DONE:
                    return found
            # It ended without a word: the task is unknown there, or was deleted meanwhile; this call says so.
            found = await self.get_task(session, task)
            if found.status.state >= DONE:
                return found


def _is_lost(error: BaseException) -> bool:
    """Whether nobody answers, so that it may be tried again."""
    code = getattr(error, "code", None)
    return callable(code) and code().name in {"UNAVAILABLE", "CANCELLED"}


def _words(error: BaseException) -> str:
    details = getattr(error, "details", None)
    return (callable(details) and details()) or f"{type(error).__name__}: {error}"
