"""Generators that tasks have called: their items travel on from the client to the task, as many as it asks for."""

from __future__ import annotations

from _thread import allocate_lock

from flamepy.completion import Encoded, Failure, Outcome
from flamepy.errors import RemoteTraceback
from flamepy.serialization import codec, failures
from flamepy.stream import AHEAD
from flamepy.wire.frames import Ask

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flamepy.engines.linked.links import Link
    from flamepy.stream import Stream


class Forwarding:
    """One stream on its way to the task that called the generator.

    Args:
        link: The executor of the task.
        number: What the task calls the stream: the number of its call.
        stream: The items as they arrive here.
    """

    def __init__(self, link: Link, number: int, stream: Stream) -> None:
        self._link = link
        self._number = number
        self._stream = stream
        self._granted = AHEAD
        self._sent = 0
        self._again = False
        self._turn = allocate_lock()
        stream.want_items()

    def asked(self, items: int) -> None:
        """The task takes so many more."""
        self._granted += items
        self.pump()

    def stop(self) -> None:
        """The task wants no more."""
        self._stream.abandon()

    def pump(self, _ticket: object = None) -> None:
        """Send what is there and asked for; comes back by itself when there is more."""
        self._again = True  # whoever is at it looks once more: items leave in their order, whichever thread brings news
        while self._again and self._turn.acquire(False):
            try:
                self._again = False
                self._send()
            finally:
                self._turn.release()

    def _send(self) -> None:
        stream, link = self._stream, self._link
        if link.ended:
            stream.abandon()
            return
        while self._sent < self._granted:
            ticket = stream.ticket()
            if ticket is not None:
                ticket.when_done(self.pump)
                return
            if stream.drained:
                break
            link.note(Ask.ITEM, (self._number, self._sent, self._form(stream.pass_on())))
            self._sent += 1
        if stream.drained:
            self._finish()

    def _form(self, item: Any) -> Any:
        """An item as it travels; what lies in shared memory is freed here, so it travels inside."""
        if not isinstance(item, Outcome):
            return item
        if isinstance(item, Encoded) and item.form[0] == codec.PICKLED:
            return item.form
        return codec.PICKLED, codec.dumps(item.value(self._stream.whole))

    def _finish(self) -> None:
        if self._link.forwards.pop(self._number, None) is not None:
            self._link.calls.pop(self._number, None)
            failure = self._stream.failure
            self._link.note(Ask.END, (self._number, self._sent, None if failure is None else record_of(failure)))


def record_of(failure: Failure) -> Any:
    """An error as it travels to a task, with the traceback that it has already."""
    error = failure.error(None)
    cause = error.__cause__
    text = str(cause.args[0]) if isinstance(cause, RemoteTraceback) else ""
    name, message, own, pickled = failures.capture(error)
    return (name, message, text or own, pickled)
