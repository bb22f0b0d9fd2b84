"""The states of sessions, tasks and executors, and the one place where each may change.

The names and numbers of the states are Flame's (``flame.v1``), so that ``flmctl`` shows the same words everywhere.
"""

from __future__ import annotations

from enum import Enum

from flamepy.errors import InternalError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeVar

    S = TypeVar("S", bound=Enum)
    E = TypeVar("E", bound=Enum)


class SessionState(Enum):
    """What a session (one service) is doing."""

    OPEN = "Open"
    """It takes tasks."""
    CLOSED = "Closed"
    """It takes no more tasks; its executors are gone."""


class TaskState(Enum):
    """What a task (one call) is doing."""

    PENDING = "Pending"
    """Submitted; waits for its arguments or for an executor."""
    RUNNING = "Running"
    """Handed to an executor."""
    SUCCEED = "Succeed"
    """It returned a value."""
    FAILED = "Failed"
    """It raised, ran out of time, or lost its executor."""
    CANCELLED = "Cancelled"
    """Somebody cancelled it before it had a result."""


class ExecutorState(Enum):
    """What an executor (one process) is doing."""

    VOID = "Void"
    """Asked for; its process is being started."""
    BINDING = "Binding"
    """It loads the package and creates the service's object."""
    BOUND = "Bound"
    """It runs tasks of its session, or waits for one."""
    RELEASING = "Releasing"
    """Told to end; nothing more is sent to it."""
    RELEASED = "Released"
    """Its process has ended."""


class SessionEvent(Enum):
    """What can happen to a session."""

    CLOSE = "close"


class TaskEvent(Enum):
    """What can happen to a task."""

    DISPATCH = "dispatch"
    RETRY = "retry"
    SUCCEED = "succeed"
    FAIL = "fail"
    CANCEL = "cancel"


class ExecutorEvent(Enum):
    """What can happen to an executor."""

    STARTED = "started"
    READY = "ready"
    RELEASE = "release"
    ENDED = "ended"


SESSION_TRANSITIONS: Mapping[tuple[SessionState, SessionEvent], SessionState] = {
    (SessionState.OPEN, SessionEvent.CLOSE): SessionState.CLOSED,
}

TASK_TRANSITIONS: Mapping[tuple[TaskState, TaskEvent], TaskState] = {
    (TaskState.PENDING, TaskEvent.DISPATCH): TaskState.RUNNING,
    (TaskState.PENDING, TaskEvent.FAIL): TaskState.FAILED,
    (TaskState.PENDING, TaskEvent.CANCEL): TaskState.CANCELLED,
    (TaskState.RUNNING, TaskEvent.RETRY): TaskState.PENDING,
    (TaskState.RUNNING, TaskEvent.SUCCEED): TaskState.SUCCEED,
    (TaskState.RUNNING, TaskEvent.FAIL): TaskState.FAILED,
    (TaskState.RUNNING, TaskEvent.CANCEL): TaskState.CANCELLED,
}

EXECUTOR_TRANSITIONS: Mapping[tuple[ExecutorState, ExecutorEvent], ExecutorState] = {
    (ExecutorState.VOID, ExecutorEvent.STARTED): ExecutorState.BINDING,
    (ExecutorState.VOID, ExecutorEvent.RELEASE): ExecutorState.RELEASING,
    (ExecutorState.VOID, ExecutorEvent.ENDED): ExecutorState.RELEASED,
    (ExecutorState.BINDING, ExecutorEvent.READY): ExecutorState.BOUND,
    (ExecutorState.BINDING, ExecutorEvent.RELEASE): ExecutorState.RELEASING,
    (ExecutorState.BINDING, ExecutorEvent.ENDED): ExecutorState.RELEASED,
    (ExecutorState.BOUND, ExecutorEvent.RELEASE): ExecutorState.RELEASING,
    (ExecutorState.BOUND, ExecutorEvent.ENDED): ExecutorState.RELEASED,
    (ExecutorState.RELEASING, ExecutorEvent.ENDED): ExecutorState.RELEASED,
}

TERMINAL_TASK_STATES = frozenset({TaskState.SUCCEED, TaskState.FAILED, TaskState.CANCELLED})


def advance(table: Mapping[tuple[S, E], S], subject: str, state: S, event: E) -> S:
    """Return the state that follows ``state`` on ``event``.

    Args:
        table: One of the ``*_TRANSITIONS`` of this module.
        subject: Who changes, for the message (``"executor 3"``).
        state: The state now.
        event: What happened.

    Raises:
        InternalError: The table has no such arrow; that is a bug of flamepy.

    Example:
        >>> advance(TASK_TRANSITIONS, "task 1", TaskState.PENDING, TaskEvent.DISPATCH)
        <TaskState.RUNNING: 'Running'>
    """
    try:
        return table[state, event]
    except KeyError:
        raise InternalError(f"{subject} is {state.value} and cannot take '{event.value}'") from None
