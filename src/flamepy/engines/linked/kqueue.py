"""The part of :class:`select.epoll` that `Poller` uses, on kqueue (macOS, BSD)."""

from __future__ import annotations

import select
from typing import Any

_kernel: Any = select  # typeshed has these names on other platforms only


class Kqueue:
    """An epoll look-alike: register, modify, unregister, poll."""

    def __init__(self) -> None:
        self._queue = _kernel.kqueue()
        self._events: dict[int, int] = {}

    def fileno(self) -> int:
        """The queue's own descriptor."""
        return int(self._queue.fileno())

    def register(self, descriptor: int, events: int) -> None:
        """Wait for ``events`` of ``descriptor``."""
        self._events[descriptor] = 0
        self.modify(descriptor, events)

    def modify(self, descriptor: int, events: int) -> None:
        """Wait for other events of it."""
        for bit, kind in ((1, _kernel.KQ_FILTER_READ), (4, _kernel.KQ_FILTER_WRITE)):
            if (events ^ self._events[descriptor]) & bit:
                flag = _kernel.KQ_EV_ADD if events & bit else _kernel.KQ_EV_DELETE
                self._queue.control([_kernel.kevent(descriptor, kind, flag)], 0)
        self._events[descriptor] = events

    def unregister(self, descriptor: int) -> None:
        """Wait for it no longer."""
        self.modify(descriptor, 0)
        del self._events[descriptor]

    def poll(self, timeout: float) -> list[tuple[int, int]]:
        """Return ``(descriptor, events)`` pairs; a negative timeout (seconds) waits for ever."""
        ready = self._queue.control(None, 64, None if timeout < 0 else timeout)
        return [(e.ident, 1 if e.filter == _kernel.KQ_FILTER_READ else 4) for e in ready]

    def close(self) -> None:
        """Close the queue."""
        self._queue.close()
