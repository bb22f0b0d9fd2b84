"""Messages of ``flame.v1`` to the records that ``flmctl`` shows, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flamepy.model.lifecycle import SessionState, TaskState
from flamepy.model.snapshot import (
    EventRecord,
    ExecutorRecord,
    NodeRecord,
    SessionRecord,
    TaskRecord,
)
from flamepy.wire.applications import record_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flamepy.model.snapshot import ApplicationRecord
    from flamepy.model.specs import Resources
    from flamepy.wire.proto import types_pb2 as types

TASK_STATES = (
    TaskState.PENDING.value,
    TaskState.RUNNING.value,
    TaskState.SUCCEED.value,
    TaskState.FAILED.value,
    TaskState.CANCELLED.value,
)
"""By their numbers on the wire."""

SESSION_STATES = (SessionState.OPEN.value, SessionState.CLOSED.value)

ENDED_TASKS = frozenset(TASK_STATES[2:])

_EXECUTOR_STATES = ("Unknown", "Void", "Idle", "Binding", "Bound", "Unbinding", "Releasing", "Released")
_NODE_STATES = ("Unknown", "Ready", "NotReady")
_APPLICATION_STATES = ("Enabled", "Disabled")

_RUNNING, _FAILED = 1, 3
_KIBI = 1024


def application_record(it: types.Application) -> ApplicationRecord:
    """An application as the cluster tells it."""
    state = _word(_APPLICATION_STATES, it.status.state)
    return record_of(it.metadata.name, it.spec, state=state, created=_seconds(it.status.creation_time))


def session_record(it: types.Session) -> SessionRecord:
    """A session as the cluster tells it; the wire has no name for it but its id."""
    status = it.status
    return SessionRecord(
        id=it.metadata.id,
        name=it.metadata.id,
        state=_word(SESSION_STATES, status.state),
        application=it.spec.application,
        resources=_resources(it.spec.resreq) if it.spec.HasField("resreq") else "-",
        priority=it.spec.priority,
        pending=status.pending,
        running=status.running,
        succeed=status.succeed,
        failed=status.failed,
        cancelled=status.cancelled,
        created=_seconds(status.creation_time),
        ended=_seconds(status.completion_time) if status.HasField("completion_time") else None,
    )


def task_record(it: types.Task) -> TaskRecord:
    """A task as the cluster tells it; its message is that of the event that says why it failed."""
    status = it.status
    begun = [each.creation_time for each in status.events if each.code == _RUNNING]
    return TaskRecord(
        id=it.metadata.id,
        session=it.spec.session_id,
        method="",
        state=_word(TASK_STATES, status.state),
        created=_seconds(status.creation_time),
        ended=_seconds(status.completion_time) if status.HasField("completion_time") else None,
        message=next((each.message for each in reversed(status.events) if each.code == _FAILED), ""),
        started=_seconds(begun[-1]) if begun else None,
    )


def executor_record(it: types.Executor) -> ExecutorRecord:
    """An executor as the cluster tells it."""
    state = _word(_EXECUTOR_STATES, it.status.state)
    return ExecutorRecord(id=it.metadata.id, state=state, session=it.status.session_id, node=it.spec.node)


def node_record(it: types.Node) -> NodeRecord:
    """A node as the cluster tells it."""
    capacity = it.status.capacity
    return NodeRecord(
        name=it.metadata.name,
        hostname=it.spec.hostname,
        state=_word(_NODE_STATES, it.status.state),
        cpu=capacity.cpu,
        memory=capacity.memory,
        gpu=capacity.gpu,
        arch=it.status.info.arch,
        os=it.status.info.os,
    )


def event_records(events: Iterable[types.Event]) -> list[EventRecord]:
    """Events, the oldest first."""
    found = [EventRecord(each.code, each.message, _seconds(each.creation_time)) for each in events]
    return sorted(found, key=lambda each: each.created)


def requirement(resources: Resources | None) -> types.ResourceRequirement | None:
    """What an executor needs, as it is told to the cluster."""
    if resources is None:
        return None
    from flamepy.wire.proto import types_pb2

    return types_pb2.ResourceRequirement(cpu=int(resources.cpu), memory=resources.memory, gpu=resources.gpu)


def _word(words: tuple[str, ...], number: int) -> str:
    # A newer cluster may have states that we have no word for.
    return words[number] if 0 <= number < len(words) else str(number)


def _seconds(milliseconds: int) -> float:
    return milliseconds / 1000


def _resources(it: types.ResourceRequirement) -> str:
    size, unit = it.memory, ""
    for larger in ("Ki", "Mi", "Gi"):
        if size >= _KIBI and size % _KIBI == 0:
            size, unit = size // _KIBI, larger
    return f"cpu={it.cpu},mem={size}{unit},gpu={it.gpu}"
