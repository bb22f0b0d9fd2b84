"""Generators of other services, called from inside a task: their items arrive here as the task takes them."""

from __future__ import annotations

import weakref
from _thread import allocate_lock

from flamepy.completion import Encoded, Failure
from flamepy.serialization import failures
from flamepy.stream import Stream
from flamepy.wire.frames import Say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from flamepy.completion import Completion
    from flamepy.runtime.loop import Executor
    from flamepy.runtime.nested import Calls


class _Incoming:
    """What has come of one stream.

    Attributes:
        stream: Whom it is for; returns None when nobody reads it any more.
        held: The same, until the answer that announces it has been taken in.
        taken: How many items it was given.
        early: Those that overtook others, by their place. Two threads take in what arrives at the moment when the
            second one begins to read, see `Receiver.relay`.
    """

    __slots__ = ("early", "held", "stream", "taken")

    def __init__(self, stream: Stream) -> None:
        self.stream = weakref.ref(stream)
        self.held: Stream | None = stream
        self.taken = 0
        self.early: dict[int, Callable[[Stream], list[tuple[Completion, Any]]]] = {}


class NestedStreams:
    """The streams that tasks of this executor read.

    Args:
        executor: Sends what they ask for.
        decode: Turns an item's form into its value.
        source: Who completes what their readers wait for.
    """

    def __init__(self, executor: Executor, decode: Callable[[Any], Any], source: Calls) -> None:
        self._executor = executor
        self._decode = decode
        self._source = source
        self._lock = allocate_lock()
        self._open: dict[int, _Incoming] = {}

    def begin(self, number: int) -> Stream:
        """The generator of call ``number`` runs."""
        with self._executor, self._lock:
            incoming = self._incoming(number)
            stream, incoming.held = incoming.held, None
        assert stream is not None
        return stream

    def _incoming(self, number: int) -> _Incoming:
        if number not in self._open:
            self._open[number] = _Incoming(self._new_stream(number))
        return self._open[number]

    def _new_stream(self, number: int) -> Stream:
        say = self._executor.out.append

        def ask(items: int) -> None:
            say((Say.NESTED_CREDIT, number, items))
            self._executor.flush()

        def stop() -> None:  # the garbage collector may call it in the middle of anything
            self._open.pop(number, None)
            say((Say.NESTED_STOP, number))
            self._executor.late()

        return Stream(ask, stop, self._source)

    def number_of(self, waited_for: Completion) -> int:
        """The call of whose stream somebody waits for more; 0 if it is none."""
        for number, incoming in list(self._open.items()):
            stream = incoming.stream()
            if stream is not None and stream.awaited_by(waited_for):
                return number
        return 0

    def item(self, number: int, place: int, form: Any) -> None:
        """One more item, the ``place``-th."""
        outcome = Encoded(form, self._decode) if type(form) is tuple else form

        def give(stream: Stream) -> list[tuple[Completion, Any]]:
            ticket = stream.arrived(outcome)
            return [] if ticket is None else [(ticket, None)]

        self._came(number, place, give)

    def end(self, number: int, place: int, record: Any) -> None:
        """There are no more than ``place``."""
        error = None if record is None else Failure(lambda: failures.rebuild(record), "a stream called from a task")

        def give(stream: Stream) -> list[tuple[Completion, Any]]:
            self._open.pop(number, None)
            return stream.end(error)

        self._came(number, place, give)

    def _came(self, number: int, place: int, give: Callable[[Stream], list[tuple[Completion, Any]]]) -> None:
        done: list[tuple[Completion, Any]] = []
        with self._executor, self._lock:
            if number not in self._open and not self._source.is_open(number):  # nobody wants it any more
                return
            incoming = self._incoming(number)
            incoming.early[place] = give
            stream = incoming.stream()
            while stream is not None and incoming.taken in incoming.early:
                done += incoming.early.pop(incoming.taken)(stream)
                incoming.taken += 1
        for completion, outcome in done:
            completion.complete(outcome)
        self._executor.nudge()
