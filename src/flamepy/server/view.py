"""The server as a web page or another observer sees it, and the two things that it can be asked for.

`View` is what `flamepy.dashboard` calls a source. Everything is called on the server's event loop.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from flamepy.model import snapshot as shown
from flamepy.model.lifecycle import TERMINAL_TASK_STATES, ExecutorState, SessionState, TaskState
from flamepy.server.refusals import Refused, Why
from flamepy.server.replies import task_events
from flamepy.wire.applications import record_of
from flamepy.wire.proto import types_pb2 as types

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from flamepy.server.app import Server
    from flamepy.server.records import Executor, Session, Task


class View:
    """What a server shows.

    Whatever is not there, or cannot be done, raises `flamepy.EngineError`.

    Args:
        server: The server.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._book = server.book

    async def snapshot(self) -> shown.Snapshot:
        """Everything but tasks: applications, sessions, executors, the node."""
        server = self._server
        machine = server.machine
        node = shown.NodeRecord(
            machine.name,
            machine.name,
            cpu=machine.capacity.cpu,
            memory=machine.capacity.memory,
            gpu=machine.capacity.gpu,
            arch=machine.arch,
            os=machine.os,
        )
        executors = server.fleet.everyone()
        return shown.Snapshot(
            engine=server.id,
            endpoint=server.endpoint,
            pid=os.getpid(),
            live=True,
            created=server.created,
            applications=tuple(
                record_of(each.name, each.spec, created=each.created / 1000) for each in self._book.applications.all()
            ),
            sessions=tuple(self._session(each) for each in self._book.sessions.values()),
            executors=tuple(_executor(each, machine.name) for each in executors),
            nodes=(node,),
        )

    async def tasks(
        self, session: str, *, states: Collection[str] = (), offset: int = 0, limit: int = 100
    ) -> shown.TaskPage:
        """Return some tasks of a session, the newest first.

        Args:
            session: Its id.
            states: Only those in one of these states; empty for all.
            offset: How many to skip.
            limit: How many at most.
        """
        known = self._book.session(session)
        if states:
            numbers = [number for number, task in known.tasks.items() if task.state.value in states]
        else:
            numbers = list(known.tasks)
        page = numbers[::-1][offset : offset + limit]
        return shown.TaskPage(len(numbers), [_task(known.tasks[number]) for number in page])

    async def task(self, session: str, task: str) -> shown.TaskRecord:
        """Return one task; its message holds the whole traceback."""
        return _task(self._book.task(session, task))

    async def events(self, session: str, task: str | None = None) -> Sequence[shown.EventRecord]:
        """Return what happened to a session, or to one of its tasks, the oldest first."""
        if task is None:
            events = self._book.session(session).events
            return [shown.EventRecord(code, text, at / 1000) for code, text, at in events]
        found = task_events(self._book.task(session, task))
        return [shown.EventRecord(each.code, each.message, each.creation_time / 1000) for each in found]

    def state(self, session: str) -> SessionState:
        """Return whether a session is open."""
        return self._book.session(session).state

    async def log(self, session: str, task: str | None = None, *, start: int = 0) -> shown.LogPart:
        """Return what a session's tasks printed, or one of them where that is known.

        Args:
            session: Its id.
            task: Only of this one.
            start: `LogPart.next` of the part before; negative: so many bytes before the end.
        """
        logs = self._server.logs
        known = self._book.session(session)
        if task is None:
            return await asyncio.to_thread(logs.read, known.id, start)
        found = self._book.task(session, task)
        if found.log is None:
            return shown.LogPart((), 0)
        first, last = found.log
        begin = max(first, last + start) if start < 0 else max(first, start)
        return await asyncio.to_thread(logs.read, known.id, begin, end=last, executor=found.executor)

    async def close_session(self, session: str) -> None:
        """Close a session: running tasks are stopped, pending ones cancelled."""
        known = self._book.session(session)
        if known.state is SessionState.CLOSED:
            raise Refused(Why.INVALID, f"session {session} is closed already")
        self._server.fleet.close_session(known)
        await self._book.store.saved()

    async def cancel_task(self, session: str, task: str) -> None:
        """Cancel one task."""
        found = self._book.task(session, task)
        if found.state in TERMINAL_TASK_STATES:
            raise Refused(Why.INVALID, f"task {task} of {session} is done already: {found.state.value}")
        self._server.fleet.cancel_task(found)
        await self._book.store.saved()

    def _session(self, session: Session) -> shown.SessionRecord:
        return shown.SessionRecord(
            id=session.id,
            name=session.id,
            state=session.state.value,
            application=session.spec.application,
            resources=f"cpu={session.need.cpu},mem={session.need.memory / (1 << 30):g}Gi,gpu={session.need.gpu}",
            priority=session.spec.priority,
            created=session.created / 1000,
            ended=None if session.ended is None else session.ended / 1000,
            reason=self._reason(session),
            log_path=str(self._server.logs.path(session.id)),
            pending=session.shown(TaskState.PENDING),
            running=session.shown(TaskState.RUNNING),
            succeed=session.shown(TaskState.SUCCEED),
            failed=session.shown(TaskState.FAILED),
            cancelled=session.shown(TaskState.CANCELLED),
        )

    def _reason(self, session: Session) -> str:
        """Say why a session's tasks wait."""
        if session.borrowers:
            return f"executors wait ({len(session.borrowers)}): {self._server.fleet.why_waiting(session)}"
        if session.state is not SessionState.OPEN or not session.counts[TaskState.PENDING]:
            return ""
        application = self._book.applications.get(session.spec.application)
        if session.exhausted:
            return f"{session.failures} executors could not be bound: see its events"
        if application.spec.shim != types.Shim.Host:
            return "its application wants the Wasm shim, which this server has not"
        if not session.need.fits(self._server.machine.capacity):
            return "an executor of it needs more than this machine has"
        if any(each.state is ExecutorState.BOUND for each in session.executors.values()):
            return "its executors are busy"
        return "its executors are starting" if session.executors else "it waits for room on this machine"


def _task(task: Task) -> shown.TaskRecord:
    return shown.TaskRecord(
        id=str(task.number),
        session=task.session.id,
        method="",
        state=task.state.value,
        executor=task.executor,
        created=task.created / 1000,
        started=None if task.started is None else task.started / 1000,
        ended=None if task.ended is None else task.ended / 1000,
        message=task.message,
    )


def _executor(executor: Executor, node: str) -> shown.ExecutorRecord:
    return shown.ExecutorRecord(
        id=executor.id,
        state=executor.state.value,
        session=executor.session.id,
        node=node,
        pid=executor.pid,
        created=executor.created / 1000,
    )
