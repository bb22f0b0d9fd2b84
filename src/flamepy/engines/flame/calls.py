"""The calls of the Frontend that a driver makes for one executor, and what their errors mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from flamepy.wire.proto import types_pb2 as types

CALL_SECONDS = 30.0
"""Seconds that a call may take."""

DONE = 2
"""The first of the states of a task that is over."""


class Calls:
    """The calls of the Frontend that an executor needs, on the wire's loop."""

    def __init__(self, wire: Any) -> None:
        from flamepy.wire import frontend as methods
        from flamepy.wire.proto import frontend_pb2, types_pb2

        self._asked, self._types = frontend_pb2, types_pb2
        channel = wire.channel
        self._metadata = wire.address.metadata
        self._create_session = methods.CREATE_SESSION.aio(channel)
        self._close_session = methods.CLOSE_SESSION.aio(channel)
        self._get_session = methods.GET_SESSION.aio(channel)
        self._create_task = methods.CREATE_TASK.aio(channel)
        self._get_task = methods.GET_TASK.aio(channel)
        self._watch_task = methods.WATCH_TASK.aio(channel)

    async def create_session(self, session: str, spec: types.SessionSpec) -> None:
        """Create a session of a new id, on a session manager that may just be starting again."""
        asked = self._asked.CreateSessionRequest(session_id=session, session=spec)
        await self._create_session(asked, metadata=self._metadata, wait_for_ready=True)

    async def close_session(self, session: str) -> None:
        """Close a session."""
        asked = self._asked.CloseSessionRequest(session_id=session)
        await self._close_session(asked, timeout=CALL_SECONDS, metadata=self._metadata)

    async def get_session(self, session: str) -> types.Session:
        """Return a session with its events."""
        asked = self._asked.GetSessionRequest(session_id=session)
        return await self._get_session(asked, timeout=CALL_SECONDS, metadata=self._metadata)

    async def come_back(self, session: str) -> None:
        """Wait until the session manager answers again, and see that it still knows a session."""
        asked = self._asked.GetSessionRequest(session_id=session)
        await self._get_session(asked, metadata=self._metadata, wait_for_ready=True)

    async def create_task(self, session: str, data: bytes) -> types.Task:
        """Submit a task."""
        asked = self._asked.CreateTaskRequest(task=self._types.TaskSpec(session_id=session, input=data))
        return await self._create_task(asked, timeout=CALL_SECONDS, metadata=self._metadata)

    async def get_task(self, session: str, task: str) -> types.Task:
        """Return a task with its events."""
        asked = self._asked.GetTaskRequest(session_id=session, task_id=task)
        return await self._get_task(asked, timeout=CALL_SECONDS, metadata=self._metadata)

    async def watch_task(self, session: str, task: str) -> types.Task:
        """Return a task when it is over."""
        asked = self._asked.WatchTaskRequest(session_id=session, task_id=task)
        while True:
            async for found in self._watch_task(asked, metadata=self._metadata):
                if found.status.state >= DONE:
                    return found
            # It ended without a word: the task is unknown there, or was deleted meanwhile; this call says so.
            found = await self.get_task(session, task)
            if found.status.state >= DONE:
                return found


def is_lost(error: BaseException) -> bool:
    """Whether nobody answers, so that it may be tried again."""
    code = getattr(error, "code", None)
    return callable(code) and code().name in {"UNAVAILABLE", "CANCELLED"}


def words(error: BaseException) -> str:
    """What an error says, for people."""
    details = getattr(error, "details", None)
    return (callable(details) and details()) or f"{type(error).__name__}: {error}"
