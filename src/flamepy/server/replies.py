"""Records as the messages that clients get."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flamepy.model.lifecycle import ExecutorState, SessionState, TaskState
from flamepy.wire.proto import types_pb2 as types

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flamepy.server.machine import Machine
    from flamepy.server.payloads import Payload
    from flamepy.server.records import Application, Executor, Need, Session, Task

MAX_MESSAGE = 4 * 1024 * 1024
"""What clients of Flame receive at most."""
_ENVELOPE = 2048

SESSION_STATES = {SessionState.OPEN: types.SessionState.Open, SessionState.CLOSED: types.SessionState.Closed}

TASK_STATES = {
    TaskState.PENDING: types.TaskState.Pending,
    TaskState.RUNNING: types.TaskState.Running,
    TaskState.SUCCEED: types.TaskState.Succeed,
    TaskState.FAILED: types.TaskState.Failed,
    TaskState.CANCELLED: types.TaskState.Cancelled,
}

EXECUTOR_STATES = {
    ExecutorState.VOID: types.ExecutorState.ExecutorVoid,
    ExecutorState.BINDING: types.ExecutorState.ExecutorBinding,
    ExecutorState.BOUND: types.ExecutorState.ExecutorBound,
    ExecutorState.RELEASING: types.ExecutorState.ExecutorReleasing,
    ExecutorState.RELEASED: types.ExecutorState.ExecutorReleased,
}

_PHRASES = {
    TaskState.SUCCEED: "Task completed successfully",
    TaskState.FAILED: "Task failed",
    TaskState.CANCELLED: "Task was cancelled",
}


def application_message(application: Application) -> types.Application:
    """Return an application as its message."""
    return types.Application(
        metadata=types.Metadata(id=application.name, name=application.name),
        spec=application.spec,
        status=types.ApplicationStatus(state=types.ApplicationState.Enabled, creation_time=application.created),
    )


def session_message(session: Session) -> types.Session:
    """Return a session as its message."""
    shown = session.shown
    status = types.SessionStatus(
        state=SESSION_STATES[session.state],
        creation_time=session.created,
        completion_time=session.ended,
        pending=shown(TaskState.PENDING),
        running=shown(TaskState.RUNNING),
        succeed=shown(TaskState.SUCCEED),
        failed=shown(TaskState.FAILED),
        cancelled=shown(TaskState.CANCELLED),
        events=[types.Event(code=code, message=text, creation_time=at) for code, text, at in session.events],
    )
    return types.Session(metadata=types.Metadata(id=session.id, name=session.id), spec=session.spec, status=status)


def session_list(sessions: Iterable[Session]) -> types.SessionList:
    """Return sessions as one message that clients can take.

    Where all of it would be too much, their common data is left out, and then the oldest of the closed ones.
    """
    listed = types.SessionList(sessions=[session_message(each) for each in sessions])
    if listed.ByteSize() > MAX_MESSAGE - _ENVELOPE:
        for each in listed.sessions:
            each.spec.ClearField("common_data")
            del each.status.events[:]
    excess = listed.ByteSize() - MAX_MESSAGE + _ENVELOPE
    if excess > 0:
        by_age = sorted(
            listed.sessions, key=lambda each: (each.status.state == types.SessionState.Open, each.status.creation_time)
        )
        while excess > 0:
            excess -= by_age.pop(0).ByteSize() + 4
        listed = types.SessionList(sessions=by_age)
    return listed


def task_message(task: Task, payload: Payload | None, *, events: bool = True) -> types.Task:
    """Return a task as its message.

    Args:
        task: The task.
        payload: Its input and output, None to leave them out; the input is left out where both are more than a client
            takes.
        events: Whether to say what happened to it.
    """
    number = str(task.number)
    spec = types.TaskSpec(session_id=task.session.id)
    if payload is not None:
        given, made = payload
        if made is not None:
            spec.output = made
        if given is not None and len(given) + len(made or b"") <= MAX_MESSAGE - _ENVELOPE:
            spec.input = given
    status = types.TaskStatus(state=TASK_STATES[task.state], creation_time=task.created, completion_time=task.ended)
    if events:
        status.events.extend(task_events(task))
    return types.Task(metadata=types.Metadata(id=number, name=number), spec=spec, status=status)


def task_events(task: Task) -> list[types.Event]:
    """Return what happened to a task, the oldest first."""
    happened = [types.Event(code=0, message="Task was created", creation_time=task.created)]
    if task.started is not None:
        happened.append(types.Event(code=1, message="Task is running", creation_time=task.started))
    if task.ended is not None:
        text = (task.message or _PHRASES[task.state])[: MAX_MESSAGE // 8]
        happened.append(types.Event(code=TASK_STATES[task.state], message=text, creation_time=task.ended))
    return happened


def executor_message(executor: Executor, node: str) -> types.Executor:
    """Return an executor as its message."""
    return types.Executor(
        metadata=types.Metadata(id=executor.id, name=executor.id),
        spec=types.ExecutorSpec(node=node, resreq=need_message(executor.need), shim=types.Shim.Host),
        status=types.ExecutorStatus(state=EXECUTOR_STATES[executor.state], session_id=executor.session.id),
    )


def node_message(machine: Machine, used: Need) -> types.Node:
    """Return the machine as its message."""
    left = machine.capacity.plus(used, -1)
    return types.Node(
        metadata=types.Metadata(id=machine.name, name=machine.name),
        spec=types.NodeSpec(hostname=machine.name),
        status=types.NodeStatus(
            state=types.NodeState.Ready,
            capacity=need_message(machine.capacity),
            allocatable=need_message(left),
            info=types.NodeInfo(arch=machine.arch, os=machine.os),
        ),
    )


def need_message(need: Need) -> types.ResourceRequirement:
    """Return resources as their message."""
    return types.ResourceRequirement(cpu=max(0, need.cpu), memory=max(0, need.memory), gpu=max(0, need.gpu))
