"""Which of many descriptors can be read or written, behind one descriptor that can itself be polled."""

from __future__ import annotations

import select
import sys

if sys.platform == "linux":

    class Readiness:
        """A set of watched descriptors, kept by the kernel in an epoll."""

        __slots__ = ("_epoll",)

        def __init__(self) -> None:
            self._epoll = select.epoll()

        def fileno(self) -> int:
            """The descriptor that turns readable when `ready` has something to report."""
            return self._epoll.fileno()

        def close(self) -> None:
            """Watch nothing any more; idempotent."""
            self._epoll.close()

        def ready(self) -> list[int]:
            """The watched descriptors that can be read or written now."""
            return [descriptor for descriptor, _ in self._epoll.poll(0)]

        def watch(self, descriptor: int) -> None:
            """Report the descriptor when it can be read."""
            self._epoll.register(descriptor, select.EPOLLIN)

        def watch_writing(self, descriptor: int) -> None:
            """Report a watched descriptor when it can be written, no longer when it can be read."""
            self._epoll.modify(descriptor, select.EPOLLOUT)

        def forget(self, descriptor: int) -> None:
            """Stop reporting the descriptor, which is still open."""
            self._epoll.unregister(descriptor)

else:

    class Readiness:
        """A set of watched descriptors, kept by the kernel in a kqueue."""

        __slots__ = ("_kqueue",)

        def __init__(self) -> None:
            self._kqueue = select.kqueue()

        def fileno(self) -> int:
            """The descriptor that turns readable when `ready` has something to report."""
            return self._kqueue.fileno()

        def close(self) -> None:
            """Watch nothing any more; idempotent."""
            self._kqueue.close()

        def ready(self) -> list[int]:
            """The watched descriptors that can be read or written now."""
            return [event.ident for event in self._kqueue.control(None, 64, 0)]

        def watch(self, descriptor: int) -> None:
            """Report the descriptor when it can be read."""
            self._kqueue.control([select.kevent(descriptor, select.KQ_FILTER_READ, select.KQ_EV_ADD)], 0)

        def watch_writing(self, descriptor: int) -> None:
            """Report a watched descriptor when it can be written, no longer when it can be read."""
            changes = (select.KQ_FILTER_READ, select.KQ_EV_DELETE), (select.KQ_FILTER_WRITE, select.KQ_EV_ADD)
            self._kqueue.control([select.kevent(descriptor, *change) for change in changes], 0)

        def forget(self, descriptor: int) -> None:
            """Stop reporting the descriptor; a kqueue does that by itself when it is closed."""
