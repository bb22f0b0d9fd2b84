"""The server's sessions and tasks, and every change that they can take.

All of it runs on one event loop and none of it waits: a change is made in memory and handed to the store, and whoever
asked awaits `Store.saved` before saying that it is done.
"""

from __future__ import annotations

import heapq
import time
from functools import partial
from typing import TYPE_CHECKING

from flamepy.model.lifecycle import (
    SESSION_TRANSITIONS,
    SessionEvent,
    SessionState,
    TaskEvent,
    TaskState,
    advance,
)
from flamepy.server.applications import Applications
from flamepy.server.payloads import BUDGET, Payloads
from flamepy.server.records import DEFAULT_NEED, Event, Need, Session, Task
from flamepy.server.refusals import Refused, Why
from flamepy.wire.proto import types_pb2 as types

if TYPE_CHECKING:
    from collections.abc import Callable

    from flamepy.errors import EngineError
    from flamepy.server.store import Store

BIND_FAILED = 1001
NO_MORE_ATTEMPTS = 1002
CLIENT_LOST = 1003
MAX_EVENTS = 100
"""How many events a session keeps; the oldest go."""

_SAVE_SESSION = "INSERT OR REPLACE INTO sessions (id, spec, state, created, ended) VALUES (?, ?, ?, ?, ?)"
_NEW_TASK = "INSERT OR REPLACE INTO tasks (session, number, state, created, input) VALUES (?, ?, ?, ?, ?)"
_END_TASK = (
    "UPDATE tasks SET state = ?, started = ?, ended = ?, executor = ?, message = ?, output = ? "
    "WHERE session = ? AND number = ?"
)
_FORGET = (
    "DELETE FROM tasks WHERE session = ?",
    "DELETE FROM events WHERE session = ?",
    "DELETE FROM sessions WHERE id = ?",
)


def milliseconds() -> int:
    """Return the time since the epoch in ms."""
    return time.time_ns() // 1_000_000


class Book:
    """What the server knows.

    Args:
        store: Where it is kept.
        need: What an executor takes, if its session does not say.
        max_sessions: Closed sessions beyond so many sessions are forgotten, the oldest first; None for no limit.
        retry_limit: After how many executors that cannot be bound a session gets no more.
        budget: Bytes of inputs and outputs in memory.
        clock: Milliseconds since the epoch.

    Attributes:
        open: How many open sessions each application has.
        active: Sessions that may want executors or have some; the fleet takes them out again.
        changes: Goes up with each change.
        wake: Called after a change that may ask for other executors.
        forgotten: Called with the id of a session that is gone.
    """

    def __init__(
        self,
        store: Store,
        *,
        need: Need = DEFAULT_NEED,
        max_sessions: int | None = None,
        retry_limit: int = 5,
        budget: int = BUDGET,
        clock: Callable[[], int] = milliseconds,
    ) -> None:
        self.store = store
        self.sessions: dict[str, Session] = {}
        self.open: dict[str, int] = {}
        self.active: dict[str, Session] = {}
        self.payloads = Payloads(store, budget)
        self.applications = Applications(store, clock, lambda name: self.open.get(name, 0) > 0)
        self.changes = 0
        self.wake: Callable[[], None] = lambda: None
        self.forgotten: Callable[[str], None] = lambda _: None
        self.clock = clock
        self._need = need
        self._max_sessions = max_sessions
        self._retry_limit = retry_limit

    # --- sessions ------------------------------------------------------------------------------------------------

    def session(self, name: str) -> Session:
        """Return a session.

        Raises:
            Refused: There is none with this id.
        """
        try:
            return self.sessions[name]
        except KeyError:
            raise Refused(Why.NOT_FOUND, name) from None

    def create_session(self, name: str, spec: types.SessionSpec) -> Session:
        """Open a new session.

        Raises:
            Refused: The id is taken, or the application does not exist.
        """
        if name in self.sessions:
            raise Refused(Why.EXISTS, f"session {name} already exists")
        self.applications.get(spec.application)
        session = self.admit(name, self._resolved(spec), self.clock())
        self._save(session)
        self._evict()
        self._changed()
        if spec.min_instances:
            self.rouse(session)
        return session

    def open_session(self, name: str, spec: types.SessionSpec | None) -> Session:
        """Return an open session, or open one if ``spec`` says what.

        Raises:
            Refused: It is closed, is not there and ``spec`` is None, or is there and was opened with another ``spec``.
        """
        session = self.sessions.get(name)
        if session is None and spec is not None:
            return self.create_session(name, spec)
        if session is None:
            raise Refused(Why.NOT_FOUND, f"session {name} not found")
        if session.state is not SessionState.OPEN:
            raise Refused(Why.INVALID, f"session {name} is not open")
        if spec is not None:
            different = _difference(session.spec, self._resolved(spec))
            if different:
                raise Refused(Why.INVALID, f"session {name} spec mismatch: {different} differs")
        return session

    def close_session(self, name: str) -> Session:
        """Close a session: what waits is cancelled. Closing a closed one does nothing.

        Raises:
            Refused: There is none, or one of its tasks runs.
        """
        session = self.session(name)
        if session.state is SessionState.CLOSED:
            return session
        if session.counts[TaskState.RUNNING]:
            raise Refused(Why.INTERNAL, "Cannot close session with running tasks")
        for task in [session.tasks[number] for number in session.queue if number in session.tasks]:
            if task.state is TaskState.PENDING:
                self.end_task(task, TaskEvent.CANCEL, message="its session was closed")
        session.queue.clear()
        session.state = advance(SESSION_TRANSITIONS, f"session {name}", session.state, SessionEvent.CLOSE)
        session.ended = self.clock()
        self.open[session.spec.application] -= 1
        for executor in (*session.executors.values(), *session.borrowers):
            executor.stop()
        self._save(session)
        self._evict()
        self._changed()
        return session

    def delete_session(self, name: str) -> Session:
        """Forget a closed session.

        Raises:
            Refused: There is none, or it is open.
        """
        session = self.session(name)
        if session.state is not SessionState.CLOSED:
            raise Refused(Why.INVALID, f"session {name} is open: close it before it is deleted")
        self._forget(session)
        return session

    def not_bound(self, session: Session, code: int, text: str) -> None:
        """Note that an executor could not be bound to a session."""
        session.failures += 1
        self._note(session, BIND_FAILED, f"failed to bind session {session.id}: {text} (code: {code})")
        if session.failures >= self._retry_limit and not session.exhausted:
            session.exhausted = True
            self._note(
                session,
                NO_MORE_ATTEMPTS,
                f"session {session.id}: {session.failures} executors could not be bound; "
                "it gets no more until the server starts again",
            )
        self._changed()

    def lost_client(self, session: Session, seconds: str) -> None:
        """Note why a session is about to be closed."""
        self._note(session, CLIENT_LOST, f"session {session.id}: nothing was heard of its client for {seconds}")

    # --- tasks ---------------------------------------------------------------------------------------------------

    def task(self, session: str, number: str) -> Task:
        """Return a task.

        Raises:
            Refused: ``number`` is no number, or there is no such session or task.
        """
        if not (number.isascii() and number.removeprefix("-").isdigit() and len(number) < 20):
            raise Refused(Why.INVALID, f"invalid task id {number[:100]!r}")
        task = self.session(session).tasks.get(int(number))
        if task is None:
            raise Refused(Why.NOT_FOUND, number)
        return task

    def create_task(self, name: str, payload: bytes | None) -> Task:
        """Add a task to a session; it does not run before it is on file.

        Raises:
            Refused: There is no such session, or it is closed.
        """
        session = self.session(name)
        if session.state is not SessionState.OPEN:
            raise Refused(Why.INVALID, "Cannot create task in closed session")
        task = Task(session, session.next_number, self.clock())
        self.payloads.created(task, payload)
        session.next_number += 1
        session.tasks[task.number] = task
        session.counts[TaskState.PENDING] += 1
        self.store.add(_NEW_TASK, name, task.number, TaskState.PENDING.value, task.created, payload)
        self.store.then(partial(self._recorded, task))
        heapq.heappush(session.queue, task.number)
        self.changes += 1
        self.rouse(session)
        return task

    def _recorded(self, task: Task, problem: EngineError | None) -> None:
        """A task is on file, and those before it are: it may run. One that cannot be put there never does."""
        session = task.session
        if problem is None:
            task.recorded = True
            self.offer(session)
        elif session.tasks.pop(task.number, None) is not None:
            session.counts[task.state] -= 1
            self.payloads.forget((task,))
            self.store.add("DELETE FROM tasks WHERE session = ? AND number = ?", session.id, task.number)
            self.changes += 1

    def next_task(self, session: Session) -> Task | None:
        """Take the task that is first in line, or None."""
        while session.queue:
            task = session.tasks.get(session.queue[0])
            if task is not None and task.state is TaskState.PENDING and not task.recorded:
                return None
            heapq.heappop(session.queue)
            if task is not None and task.state is TaskState.PENDING:
                return task
        return None

    def offer(self, session: Session) -> None:
        """Hand waiting tasks to executors that wait."""
        while session.idle and session.queue:
            waiting = session.idle.popleft()
            if waiting.done():
                continue
            task = self.next_task(session)
            if task is None:
                session.idle.appendleft(waiting)
                return
            waiting.set_result(task)

    def start_task(self, task: Task, executor: str) -> None:
        """Note that a task runs."""
        task.take(TaskEvent.DISPATCH)
        task.started = self.clock()
        task.executor = executor
        self.changes += 1
        task.changed()

    def put_back(self, task: Task) -> None:
        """Put a task that was taken but not started back where it was in line."""
        heapq.heappush(task.session.queue, task.number)
        self.offer(task.session)
        self.rouse(task.session)

    def end_task(self, task: Task, event: TaskEvent, output: bytes | None = None, message: str = "") -> None:
        """Note how a task ended; whoever watches is told."""
        task.take(event)
        task.ended = self.clock()
        task.message = message
        self.payloads.ended(task, output)
        self.store.add(
            _END_TASK,
            task.state.value,
            task.started,
            task.ended,
            task.executor,
            message,
            output,
            task.session.id,
            task.number,
        )
        self.changes += 1
        task.changed()

    def rouse(self, session: Session) -> None:
        """Have it looked at whether a session should have other executors."""
        self.active[session.id] = session
        self.wake()

    def admit(self, name: str, spec: types.SessionSpec, created: int) -> Session:
        """Put a session on the books, as it is."""
        asked = spec.resreq
        session = Session(name, spec, Need(asked.cpu, asked.memory, asked.gpu), created)
        self.sessions[name] = session
        self.open[spec.application] = self.open.get(spec.application, 0) + 1
        return session

    # --- inner ---------------------------------------------------------------------------------------------------

    def _resolved(self, spec: types.SessionSpec) -> types.SessionSpec:
        full = types.SessionSpec()
        full.CopyFrom(spec)
        full.batch_size = 1
        if not full.HasField("resreq"):
            full.resreq.cpu, full.resreq.memory, full.resreq.gpu = self._need
        return full

    def _save(self, session: Session) -> None:
        spec = session.spec.SerializeToString()
        self.store.add(_SAVE_SESSION, session.id, spec, session.state.value, session.created, session.ended)

    def _note(self, session: Session, code: int, message: str) -> None:
        event = Event(code, message, self.clock())
        session.events.append(event)
        del session.events[:-MAX_EVENTS]
        self.store.add("INSERT INTO events (session, code, message, created) VALUES (?, ?, ?, ?)", session.id, *event)

    def _evict(self) -> None:
        if self._max_sessions is None or len(self.sessions) <= self._max_sessions:
            return
        closed = [each for each in self.sessions.values() if each.state is SessionState.CLOSED]
        closed.sort(key=lambda each: each.ended or 0)
        for session in closed[: len(self.sessions) - self._max_sessions]:
            self._forget(session)

    def _forget(self, session: Session) -> None:
        del self.sessions[session.id]
        self.payloads.forget(session.tasks.values())
        for statement in _FORGET:
            self.store.add(statement, session.id)
        for task in session.tasks.values():
            task.changed()
        self.forgotten(session.id)
        self.changes += 1

    def _changed(self) -> None:
        self.changes += 1
        self.wake()


def _difference(one: types.SessionSpec, other: types.SessionSpec) -> str:
    """Name the first field in which two sessions differ, as far as openers must agree."""
    for field in ("application", "resreq", "min_instances", "max_instances", "priority"):
        optional = field == "max_instances"
        if getattr(one, field) != getattr(other, field) or (optional and one.HasField(field) != other.HasField(field)):
            return field
    return ""
