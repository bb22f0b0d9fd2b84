"""A small client of a server under test."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from uuid import uuid4

import grpc

from flamepy.wire import frontend
from flamepy.wire.proto import frontend_pb2 as asked
from flamepy.wire.proto import types_pb2 as types

SERVICE = Path(__file__).with_name("acting_service.py")


class Client:
    """Requests to one server, waiting for answers."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.channel = channel

    def register(self, *arguments: str, environment: dict[str, str] | None = None, **spec) -> str:
        """Register the acting service under a fresh name."""
        name = f"acting-{uuid4().hex[:6]}"
        variables = [types.Environment(name=key, value=value) for key, value in (environment or {}).items()]
        given = {"command": sys.executable, "arguments": [str(SERVICE), *arguments], **spec}
        application = types.ApplicationSpec(environments=variables, **given)
        request = asked.RegisterApplicationRequest(name=name, application=application)
        result = frontend.REGISTER_APPLICATION.on(self.channel)(request)
        assert result.return_code == 0, result.message
        return name

    def open(self, application: str, **spec) -> str:
        name = f"{application}-{uuid4().hex[:6]}"
        made = types.SessionSpec(application=application, **spec)
        frontend.CREATE_SESSION.on(self.channel)(asked.CreateSessionRequest(session_id=name, session=made))
        return name

    def submit(self, session: str, payload: bytes | None = None, **given) -> str:
        data = json.dumps(given).encode() if payload is None else payload
        request = asked.CreateTaskRequest(task=types.TaskSpec(session_id=session, input=data))
        return frontend.CREATE_TASK.on(self.channel)(request).metadata.id

    def watch(self, session: str, task: str) -> types.Task:
        """Wait for the end of a task; returns its last message."""
        request = asked.WatchTaskRequest(session_id=session, task_id=task)
        return list(frontend.WATCH_TASK.on(self.channel)(request, timeout=50))[-1]

    def run(self, session: str, **given):
        """Run one task that succeeds; returns its output."""
        task = self.watch(session, self.submit(session, **given))
        assert task.status.state == types.TaskState.Succeed, task.status.events[-1].message
        return json.loads(task.spec.output)

    def failure(self, session: str, **given) -> str:
        """Run one task that fails; returns why."""
        task = self.watch(session, self.submit(session, **given))
        assert task.status.state == types.TaskState.Failed
        assert task.status.events[-1].code == 3
        return task.status.events[-1].message

    def session(self, name: str) -> types.Session:
        return frontend.GET_SESSION.on(self.channel)(asked.GetSessionRequest(session_id=name))

    def tasks(self, session: str) -> list[types.Task]:
        return list(frontend.LIST_TASK.on(self.channel)(asked.ListTaskRequest(session_id=session)))

    def executors(self, session: str) -> list[types.Executor]:
        listed = frontend.LIST_EXECUTOR.on(self.channel)(asked.ListExecutorRequest()).executors
        return [each for each in listed if each.status.session_id == session]

    def close(self, session: str) -> types.Session:
        return frontend.CLOSE_SESSION.on(self.channel)(asked.CloseSessionRequest(session_id=session))
