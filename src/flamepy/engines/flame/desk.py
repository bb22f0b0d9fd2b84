"""What our server has for ``flmctl`` beside Flame's protocol; other clusters don't."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from google.protobuf.message import Message

from flamepy.errors import EngineError
from flamepy.model.snapshot import TaskRecord
from flamepy.wire import desk as methods
from flamepy.wire.proto import desk_pb2 as messages

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flamepy.engines.flame.channel import Channel
    from flamepy.wire.rpc import Unary

Asked = TypeVar("Asked", bound=Message)
Told = TypeVar("Told", bound=Message)


class Desk:
    """A client of `flamepy.wire.desk`. Its methods say with None or False that the cluster does not know them.

    Args:
        channel: A connection to the session manager.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def close_session(self, session: str) -> bool:
        """Close a session, running tasks and all."""
        return self._call(methods.CLOSE_SESSION, messages.CloseRequest(session=session)) is not None

    def cancel_task(self, session: str, task: str) -> bool:
        """Cancel one task."""
        return self._call(methods.CANCEL_TASK, messages.CancelRequest(session=session, task=task)) is not None

    def log(self, session: str, *, follow: bool) -> Iterator[str] | None:
        """Return a session's log; with ``follow`` it yields an empty string when there is nothing new yet."""
        first = self._call(methods.READ_LOG, messages.LogRequest(session=session))
        return None if first is None else self._parts(session, first, follow=follow)

    def tasks(self, session: str) -> list[TaskRecord] | None:
        """Return a session's tasks, without their data."""
        asked = messages.TasksRequest(session=session)
        try:
            return [_record(session, each) for each in self._channel.stream(methods.LIST_TASKS, asked)]
        except EngineError as error:
            if not _is_unknown(error):
                raise
            return None

    def _parts(self, session: str, part: messages.LogReply, *, follow: bool) -> Iterator[str]:
        start = 0
        while True:
            yield from part.lines
            if part.next == start:
                if part.complete or not follow:
                    return
                yield ""
            start = part.next
            part = self._channel.call(methods.READ_LOG, messages.LogRequest(session=session, start=start))

    def _call(self, method: Unary[Asked, Told], request: Asked) -> Told | None:
        try:
            return self._channel.call(method, request)
        except EngineError as error:
            if not _is_unknown(error):
                raise
            return None


def _is_unknown(error: EngineError) -> bool:
    return getattr(error, "code", "") == "UNIMPLEMENTED"


def _record(session: str, it: messages.Task) -> TaskRecord:
    return TaskRecord(
        id=it.id,
        session=session,
        method="",
        state=it.state,
        executor=it.executor,
        created=it.created / 1000,
        ended=it.ended / 1000 if it.HasField("ended") else None,
        message=it.message,
        started=it.started / 1000 if it.HasField("started") else None,
    )
