"""The session manager's calls, typed: applications, sessions, tasks, executors, nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flamepy.engines.flame.channel import CALL_SECONDS, CONNECT_SECONDS, Address, Channel
from flamepy.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flamepy.context import FlameContext
    from flamepy.wire.proto import types_pb2 as types

LIST_SECONDS = 300.0
"""Seconds that a listing of tasks may take."""


class Frontend:
    """A synchronous client of ``flame.v1.Frontend``; several threads may use it.

    Messages are those of `flamepy.wire.proto`. Every method raises `EngineUnavailable` when nobody answers and
    `EngineError` when the server refuses; ``error.code`` is then the name of the status (``NOT_FOUND`` for example).

    Args:
        channel: A connection to the session manager.

    Example:
        >>> with Frontend.connect(FlameContext()) as frontend:  # doctest: +SKIP
        ...     [each.metadata.name for each in frontend.list_applications()]
        ['flmexec', 'flmping', 'flmrun']
    """

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        from flamepy.wire import frontend as methods
        from flamepy.wire.proto import frontend_pb2, types_pb2

        self._at = methods
        self._asked = frontend_pb2
        self._types = types_pb2

    @classmethod
    def connect(cls, context: FlameContext, *, connect_seconds: float = CONNECT_SECONDS) -> Frontend:
        """Connect to the session manager of a context.

        Raises:
            EngineUnavailable: Nobody answers there within ``connect_seconds``, or grpc is not installed.
        """
        return cls(Channel(Address.of(context), connect_seconds=connect_seconds))

    def __enter__(self) -> Frontend:
        """Nothing to do: it is connected."""
        return self

    def __exit__(self, *_exception: object) -> None:
        """Close the connection."""
        self.close()

    def close(self) -> None:
        """Close the connection; idempotent."""
        self.channel.close()

    # ---- applications

    def register_application(self, name: str, application: types.ApplicationSpec) -> None:
        """Register an application under a new name."""
        asked = self._asked.RegisterApplicationRequest(name=name, application=application)
        self._check(self.channel.call(self._at.REGISTER_APPLICATION, asked), f"register application '{name}'")

    def update_application(self, name: str, application: types.ApplicationSpec) -> None:
        """Change a registered application."""
        asked = self._asked.UpdateApplicationRequest(name=name, application=application)
        self._check(
            self.channel.call(self._at.UPDATE_APPLICATION, asked, repeatable=True), f"update application '{name}'"
        )

    def unregister_application(self, name: str) -> None:
        """Forget an application; its sessions must be closed."""
        asked = self._asked.UnregisterApplicationRequest(name=name)
        self._check(self.channel.call(self._at.UNREGISTER_APPLICATION, asked), f"unregister application '{name}'")

    def get_application(self, name: str) -> types.Application:
        """Return one application."""
        asked = self._asked.GetApplicationRequest(name=name)
        return self.channel.call(self._at.GET_APPLICATION, asked, repeatable=True)

    def list_applications(self) -> list[types.Application]:
        """Return all applications."""
        asked = self._asked.ListApplicationRequest()
        return list(self.channel.call(self._at.LIST_APPLICATION, asked, repeatable=True).applications)

    # ---- executors and nodes

    def list_executors(self) -> list[types.Executor]:
        """Return all executors."""
        asked = self._asked.ListExecutorRequest()
        return list(self.channel.call(self._at.LIST_EXECUTOR, asked, repeatable=True).executors)

    def list_nodes(self) -> list[types.Node]:
        """Return all nodes."""
        return list(self.channel.call(self._at.LIST_NODES, self._asked.ListNodesRequest(), repeatable=True).nodes)

    def get_node(self, name: str) -> types.Node:
        """Return one node."""
        return self.channel.call(self._at.GET_NODE, self._asked.GetNodeRequest(name=name), repeatable=True).node

    # ---- sessions

    def create_session(self, session: str, spec: types.SessionSpec) -> types.Session:
        """Create a session of a new id."""
        asked = self._asked.CreateSessionRequest(session_id=session, session=spec)
        return self.channel.call(self._at.CREATE_SESSION, asked)

    def open_session(self, session: str, spec: types.SessionSpec | None = None) -> types.Session:
        """Return an open session of this id; with ``spec`` it is created if there is none."""
        asked = self._asked.OpenSessionRequest(session_id=session, session=spec)
        return self.channel.call(self._at.OPEN_SESSION, asked, repeatable=True)

    def close_session(self, session: str, *, timeout: float = CALL_SECONDS) -> types.Session:
        """Close a session; refused while a task runs, and idempotent."""
        asked = self._asked.CloseSessionRequest(session_id=session)
        return self.channel.call(self._at.CLOSE_SESSION, asked, timeout=timeout, repeatable=True)

    def delete_session(self, session: str) -> types.Session:
        """Delete a closed session."""
        return self.channel.call(self._at.DELETE_SESSION, self._asked.DeleteSessionRequest(session_id=session))

    def get_session(self, session: str) -> types.Session:
        """Return one session with its counters and events."""
        asked = self._asked.GetSessionRequest(session_id=session)
        return self.channel.call(self._at.GET_SESSION, asked, repeatable=True)

    def list_sessions(self) -> list[types.Session]:
        """Return all sessions."""
        asked = self._asked.ListSessionRequest()
        return list(self.channel.call(self._at.LIST_SESSION, asked, repeatable=True).sessions)

    # ---- tasks

    def create_task(self, session: str, data: bytes | None = None) -> types.Task:
        """Submit a task; when the connection is lost nobody knows whether it was taken, so it is not tried again."""
        asked = self._asked.CreateTaskRequest(task=self._types.TaskSpec(session_id=session, input=data))
        return self.channel.call(self._at.CREATE_TASK, asked)

    def get_task(self, session: str, task: str) -> types.Task:
        """Return one task with its input, output and events."""
        asked = self._asked.GetTaskRequest(session_id=session, task_id=task)
        return self.channel.call(self._at.GET_TASK, asked, repeatable=True)

    def watch_task(self, session: str, task: str, *, timeout: float | None = None) -> Iterator[types.Task]:
        """Yield the task each time its state has changed, until it is done.

        The stream may end without a word where the task is unknown, or deleted meanwhile: then ask `get_task`.
        """
        asked = self._asked.WatchTaskRequest(session_id=session, task_id=task)
        yield from self.channel.stream(self._at.WATCH_TASK, asked, timeout=timeout)

    def list_tasks(self, session: str) -> Iterator[types.Task]:
        """Yield a session's tasks with inputs and outputs, in the server's order."""
        asked = self._asked.ListTaskRequest(session_id=session)
        yield from self.channel.stream(self._at.LIST_TASK, asked, timeout=LIST_SECONDS)

    def _check(self, result: types.Result, what: str) -> None:
        """Some refusals come as a number in an answer that is no error."""
        if result.return_code:
            endpoint = self.channel.address.endpoint
            text = result.message or f"code {result.return_code}"
            raise EngineError(
                f"{endpoint} does not {what}: {text}", endpoint=endpoint, code="REFUSED", details=text, method=what
            )
