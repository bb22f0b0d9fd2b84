"""The Desk service: `View` for ``flmctl``, over gRPC."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flamepy.errors import EngineError
from flamepy.model.lifecycle import SessionState
from flamepy.server.frontend import answering, refuse
from flamepy.wire import desk as methods
from flamepy.wire.proto import desk_pb2 as messages

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from flamepy.model.snapshot import TaskRecord
    from flamepy.server.view import View
    from flamepy.wire.rpc import Served

MAX_MESSAGE = 8000
"""Characters of a failure that a listing has; all of it is in the task's events."""

_AT_ONCE = 5000


class Desk:
    """The four methods.

    Args:
        view: The server.
    """

    def __init__(self, view: View) -> None:
        self._view = view

    def served(self) -> Iterator[Served]:
        """Yield the methods, for `flamepy.wire.rpc.handlers`."""
        yield methods.CLOSE_SESSION.served(answering(self._close))
        yield methods.CANCEL_TASK.served(answering(self._cancel))
        yield methods.READ_LOG.served(answering(self._log))
        yield methods.LIST_TASKS.served(self._tasks)

    async def _close(self, request: messages.CloseRequest) -> messages.Done:
        await self._view.close_session(request.session)
        return messages.Done()

    async def _cancel(self, request: messages.CancelRequest) -> messages.Done:
        await self._view.cancel_task(request.session, request.task)
        return messages.Done()

    async def _log(self, request: messages.LogRequest) -> messages.LogReply:
        # Asked before the log is read: what is printed until then is in it.
        closed = self._view.state(request.session) is SessionState.CLOSED
        part = await self._view.log(request.session, request.task or None, start=request.start)
        return messages.LogReply(lines=part.lines, next=part.next, complete=closed and part.next == request.start)

    async def _tasks(self, request: messages.TasksRequest, context: Any) -> AsyncIterator[messages.Task]:
        # The oldest first: a page's offset stays right while new tasks come, since pages count from the newest.
        try:
            total = (await self._view.tasks(request.session, limit=0)).total
            sent = 0
            while sent < total:
                now = (await self._view.tasks(request.session, limit=0)).total
                size = min(_AT_ONCE, total - sent)
                page = await self._view.tasks(request.session, offset=now - sent - size, limit=size)
                for task in reversed(page.tasks):
                    yield _message(task)
                sent += size
        except EngineError as error:
            await refuse(context, error)


def _message(task: TaskRecord) -> messages.Task:
    return messages.Task(
        id=task.id,
        state=task.state,
        executor=task.executor,
        created=round((task.created or 0) * 1000),
        started=None if task.started is None else round(task.started * 1000),
        ended=None if task.ended is None else round(task.ended * 1000),
        message=task.message[-MAX_MESSAGE:],
    )
