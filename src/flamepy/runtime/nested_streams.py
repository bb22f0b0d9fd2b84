"""Generators of other services, called from inside a task: their items arrive here as the task takes them."""

from __future__ import annotations

import weakref

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


class NestedStreams:
    """The streams that tasks of this executor read.

    Args:
        executor: Sends what they ask for.
        decode: Turns an item's form into its value.
    """

    def __init__(self, executor: Executor, decode: Callable[[Any], Any]) -> None:
        self._executor = executor
        self._decode = decode
        self._open: dict[int, weakref.ref[Stream]] = {}

    def begin(self, number: int, source: Any) -> Stream:
        """The generator of call ``number`` runs."""
        say = self._executor.out.append

        def ask(items: int) -> None:
            say((Say.NESTED_CREDIT, number, items))
            self._executor.flush()

        def stop() -> None:  # the garbage collector may call it in the middle of anything
            self._open.pop(number, None)
            say((Say.NESTED_STOP, number))
            self._executor.late()

        stream = Stream(ask, stop, source)
        self._open[number] = weakref.ref(stream)
        return stream

    def number_of(self, waited_for: Completion) -> int:
        """The call of whose stream somebody waits for more; 0 if it is none."""
        for number, reference in list(self._open.items()):
            stream = reference()
            if stream is not None and stream.awaited_by(waited_for):
                return number
        return 0

    def item(self, number: int, form: Any) -> None:
        """One more item."""
        stream = self._stream(number)
        if stream is not None:
            ticket = stream.arrived(Encoded(form, self._decode) if type(form) is tuple else form)
            self._complete([] if ticket is None else [(ticket, None)])

    def end(self, number: int, record: Any) -> None:
        """There are no more."""
        stream = self._stream(number)
        self._open.pop(number, None)
        if stream is not None:
            error = None if record is None else Failure(lambda: failures.rebuild(record), "a stream called from a task")
            self._complete(stream.end(error))

    def _stream(self, number: int) -> Stream | None:
        reference = self._open.get(number)
        return reference() if reference is not None else None

    def _complete(self, done: list[tuple[Completion, Any]]) -> None:
        for completion, outcome in done:
            completion.complete(outcome)
        self._executor.nudge()
