"""Waiting for many descriptors: epoll where there is one, else kqueue; seconds, and a descriptor of its own."""

from __future__ import annotations

import os
import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

READ, WRITE = 1, 4


def descriptor_set() -> select.epoll:
    """An empty set of descriptors: an epoll, or what looks like one."""
    if hasattr(select, "epoll"):
        return select.epoll()
    from flamepy.engines.linked.kqueue import Kqueue

    queue: Any = Kqueue()  # offers what we use of an epoll
    return queue  # type: ignore[no-any-return]


class Poller:
    """A set of descriptors to wait for; itself one that can be waited for, and whose wait can be ended."""

    def __init__(self) -> None:
        self._poll = descriptor_set()
        self._wake_in, self._wake_out = os.pipe()
        os.set_blocking(self._wake_in, False)
        os.set_blocking(self._wake_out, False)
        self.add(self._wake_in)

    def fileno(self) -> int:
        """Readable when something is ready."""
        return self._poll.fileno()

    def add(self, descriptor: int, events: int = READ) -> None:
        """Wait for ``descriptor`` too."""
        self._poll.register(descriptor, events)

    def change(self, descriptor: int, events: int) -> None:
        """Wait for other events of it."""
        self._poll.modify(descriptor, events)

    def remove(self, descriptor: int) -> None:
        """Wait for it no longer."""
        try:
            self._poll.unregister(descriptor)
        except (OSError, ValueError):
            return

    def wait(self, timeout: float | None) -> Iterable[tuple[int, int]]:
        """Return what is ready within ``timeout`` seconds, as ``(descriptor, events)``; a wake-up is not listed."""
        ready = self._poll.poll(-1 if timeout is None else timeout)
        if any(descriptor == self._wake_in for descriptor, _ in ready):
            try:
                os.read(self._wake_in, 4096)
            except BlockingIOError:
                pass
            return [item for item in ready if item[0] != self._wake_in]
        return ready

    def wake(self) -> None:
        """End the wait of another thread."""
        try:
            os.write(self._wake_out, b"!")
        except (BlockingIOError, OSError):
            return

    def close(self) -> None:
        """Close all its own descriptors."""
        self._poll.close()
        wake_in, wake_out = self._wake_in, self._wake_out
        self._wake_in = self._wake_out = -1  # a late `wake` must not write into a file that has the number by then
        os.close(wake_in)
        os.close(wake_out)
