"""What happened, and what to do about it."""

from __future__ import annotations

from typing import NamedTuple

from flamepy.model.specs import Resources


class SessionOpened(NamedTuple):
    """A service was opened; ``eager`` executors start at once."""

    session: str
    minimum: int
    maximum: int
    resources: Resources
    eager: int = 0


class SessionClosed(NamedTuple):
    """A service was closed."""

    session: str


class Backlog(NamedTuple):
    """A session could use ``wanted`` executors at once."""

    session: str
    wanted: int


class ExecutorStarted(NamedTuple):
    """The process of an executor exists."""

    executor: int


class StartFailed(NamedTuple):
    """There will be no process for this executor; its session asks again with its next `Backlog`."""

    executor: int


class ExecutorReady(NamedTuple):
    """The executor has created its object."""

    executor: int


class ExecutorEnded(NamedTuple):
    """The process of an executor is gone."""

    executor: int


class ExecutorIdle(NamedTuple):
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


class StartExecutor(NamedTuple):
    """Start a process for a session."""

    executor: int
    session: str


class ReleaseExecutor(NamedTuple):
    """End an executor once it has done what it was given."""

    executor: int


class Hold(NamedTuple):
    """The session gets no executor now; ``reason`` is a sentence for people."""

    session: str
    reason: str


Command = StartExecutor | ReleaseExecutor | Hold
