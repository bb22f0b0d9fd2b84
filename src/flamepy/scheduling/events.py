"""What happened, and what to do about it."""

from __future__ import annotations

from flamepy.model.record import Record
from flamepy.model.specs import Resources


class SessionOpened(Record):
    """A service was opened; ``eager`` executors start at once."""

    session: str
    minimum: int
    maximum: int
    resources: Resources
    eager: int = 0


class SessionClosed(Record):
    """A service was closed."""

    session: str


class Backlog(Record):
    """A session could use ``wanted`` executors at once."""

    session: str
    wanted: int


class ExecutorStarted(Record):
    """The process of an executor exists."""

    executor: int


class StartFailed(Record):
    """There will be no process for this executor; its session asks again with its next `Backlog`."""

    executor: int


class ExecutorReady(Record):
    """The executor has created its object."""

    executor: int


class ExecutorEnded(Record):
    """The process of an executor is gone."""

    executor: int


class ExecutorIdle(Record):
    """The executor has had nothing to do for the idle time."""

    executor: int


Event = (
    SessionOpened
    | SessionClosed
    | Backlog
    | ExecutorStarted
    | StartFailed
    | ExecutorReady
    | ExecutorEnded
    | ExecutorIdle
)


class StartExecutor(Record):
    """Start a process for a session."""

    executor: int
    session: str


class ReleaseExecutor(Record):
    """End an executor once it has done what it was given."""

    executor: int


class Hold(Record):
    """The session gets no executor now; ``reason`` is a sentence for people."""

    session: str
    reason: str


Command = StartExecutor | ReleaseExecutor | Hold
