"""Ctrl-C must not tear the accounts: while an answer is being taken in or a batch handed out, it waits a moment."""

from __future__ import annotations

import _signal
import _thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any


class Guard:
    """Regions in which ``KeyboardInterrupt`` is put off to their end.

    A region is entered by ``guard.depth += 1`` and left by ``guard.depth -= 1; if guard.came: guard.deliver()``,
    written out because it is on the path of every call; `__enter__` and `__exit__` do the same elsewhere. Installed
    only where Python's own SIGINT handler is in place; a handler of the user is left alone.

    Attributes:
        depth: Regions entered, on any thread.
        came: Whether the signal came in the meantime.
    """

    __slots__ = ("_main", "_previous", "_users", "came", "depth")

    def __init__(self) -> None:
        self.depth = 0
        self.came = False
        self._users = 0
        self._main = 0
        self._previous: Any = None

    def install(self) -> None:
        """Begin, if this is the main thread; once for each engine."""
        self._users += 1
        if _signal.getsignal(_signal.SIGINT) is not _signal.default_int_handler:
            return
        try:
            self._previous = _signal.signal(_signal.SIGINT, self._handle)
            self._main = _thread.get_ident()
        except ValueError:  # not the main thread
            return

    def remove(self) -> None:
        """Give the signal back to who had it, after the last engine."""
        self._users -= 1
        if self._users > 0 or self._previous is None:
            return
        if _signal.getsignal(_signal.SIGINT) == self._handle:
            try:
                _signal.signal(_signal.SIGINT, self._previous)
            except ValueError:  # closed on another thread
                return
        self._previous = None

    def deliver(self) -> None:
        """The last region was left: let the main thread have its signal now."""
        if not self.depth:
            self.came = False
            # A real signal, since a simulated one does not wake a thread that waits in the kernel.
            _signal.pthread_kill(self._main, _signal.SIGINT)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.depth:
            self.came = True
            return
        self._previous(number, frame)

    def __enter__(self) -> None:
        self.depth += 1

    def __exit__(self, *_exception: object) -> None:
        self.depth -= 1
        if self.came:
            self.deliver()


GUARD = Guard()
"""The one of this process: its signal handler serves all engines."""
