"""The start of a server: what was kept comes out of the store, and what was running waits again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flamepy.model.lifecycle import TERMINAL_TASK_STATES, SessionState, TaskState
from flamepy.server.records import Event, Task
from flamepy.wire.proto import types_pb2 as types

if TYPE_CHECKING:
    from flamepy.server.book import Book


def restore(book: Book) -> None:
    """Read everything into an empty book."""
    saved = book.store.load()
    for name, spec, created in saved.applications:
        book.applications.restore(name, spec, created)
    for name, spec, state, created, ended in saved.sessions:
        session = book.admit(name, types.SessionSpec.FromString(spec), created)
        if SessionState(state) is SessionState.CLOSED:
            session.state, session.ended = SessionState.CLOSED, ended
            book.open[session.spec.application] -= 1
    for name, code, message, created in saved.events:
        if name in book.sessions:
            book.sessions[name].events.append(Event(code, message, created))
    _restore_tasks(book)
    for session in book.sessions.values():
        if session.state is SessionState.OPEN:
            book.rouse(session)


def _restore_tasks(book: Book) -> None:
    for name, number, state, created, started, ended, executor, message, payload, shed in book.store.tasks():
        session = book.sessions.get(name)
        if session is None:
            continue
        task = Task(session, number, created)
        task.recorded = True
        task.shed = bool(shed)
        if payload is not None:
            book.payloads.created(task, payload)
        task.state = TaskState(state)
        task.started, task.ended, task.executor = started, ended, executor or ""
        task.message = message or ""
        session.tasks[number] = task
        session.counts[task.state] += 1
        session.next_number = number + 1
        if task.state not in TERMINAL_TASK_STATES:
            session.queue.append(number)  # rows come in order, and a sorted list is a heap
