"""Ctrl-C must not tear the accounts: while an answer is being taken in or a batch handed out, it waits a moment."""

from __future__ import annotations

import _signal
import _thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any


class Guard:
    """A region of the main thread in which ``KeyboardInterrupt`` is put off to its end.

    Installed only where Python's own SIGINT handler is in place; a handler of the user is left alone. Entering costs
    a fraction of a microsecond, and nothing on other threads, where no signal handler ever runs.
    """

    __slots__ = ("_came", "_depth", "_main", "_previous")

    def __init__(self) -> None:
        self._depth = 0
        self._came = False
        self._main = -1
        self._previous: Any = None

    def install(self) -> None:
        """Begin, if this is the main thread."""
        if _signal.getsignal(_signal.SIGINT) is not _signal.default_int_handler:
            return
        try:
            self._previous = _signal.signal(_signal.SIGINT, self._handle)
        except ValueError:  # not the main thread
            return
        self._main = _thread.get_ident()

    def remove(self) -> None:
        """Give the signal back to who had it."""
        if self._previous is None:
            return
        if _signal.getsignal(_signal.SIGINT) == self._handle:
            try:
                _signal.signal(_signal.SIGINT, self._previous)
            except ValueError:  # closed on another thread
                return
        self._previous = None

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._depth:
            self._came = True
            return
        self._previous(number, frame)

    def __enter__(self) -> None:
        if _thread.get_ident() == self._main:
            self._depth += 1

    def __exit__(self, *_exception: object) -> None:
        if _thread.get_ident() == self._main:
            self._depth -= 1
            if self._came and not self._depth:
                self._came = False
                self._previous(_signal.SIGINT, None)
