"""What happened, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass

from flamepy.model.specs import Resources


@dataclass(frozen=True, slots=True)
class SessionOpened:
    """A service was opened; ``eager`` executors start at once."""

    session: str
    minimum: int
    maximum: int
    resources: Resources
    eager: int = 0


@dataclass(frozen=True, slots=True)
class SessionClosed:
    """A service was closed."""

    session: str


@dataclass(frozen=True, slots=True)
class Backlog:
    """A session could use ``wanted`` executors at once."""

    session: str
    wanted: int


@dataclass(frozen=True, slots=True)
class ExecutorStarted:
    """The process of an executor exists."""

    executor: int


@dataclass(frozen=True, slots=True)
class StartFailed:
    """There will be no process for this executor; its session asks again with its next `Backlog`."""

    executor: int


@dataclass(frozen=True, slots=True)
class ExecutorReady:
    """The executor has created its object."""

    executor: int


@dataclass(frozen=True, slots=True)
class ExecutorEnded:
    """The process of an executor is gone."""

    executor: int


@dataclass(frozen=True, slots=True)
class ExecutorIdle:
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


@dataclass(frozen=True, slots=True)
class StartExecutor:
    """Start a process for a session."""

    executor: int
    session: str


@dataclass(frozen=True, slots=True)
class ReleaseExecutor:
    """End an executor once it has done what it was given."""

    executor: int


@dataclass(frozen=True, slots=True)
class Hold:
    """The session gets no executor now; ``reason`` is a sentence for people."""

    session: str
    reason: str


Command = StartExecutor | ReleaseExecutor | Hold
