"""Which thread reads the executors' sockets: one that waits for an answer, one at a time.

A reader thread of our own would cost a hand-over between threads for every answer (55 µs, more than the whole round
trip). So whoever waits reads, for everybody: the first one leads, later ones sleep until their answer is there or
until the leader leaves and one of them takes over. When nobody waits, the keeper leads. On an event loop the loop
itself watches `fileno()`.

Callbacks run after the lock is given back, so that they may wait for other answers.
"""

from __future__ import annotations

import _thread
from collections import deque
from time import monotonic

from flamepy.completion import PENDING, Completion
from flamepy.engines.linked.poller import READ, WRITE, Poller
from flamepy.wire.pulse import Pulse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flamepy.engines.linked.interrupts import Guard
    from flamepy.engines.linked.links import Link

OTHERS_EVERY = 16
"""Waits, one in so many, after which all executors are read: waiting for one only must not starve the others."""


class Reader:
    """Reads the sockets of all executors of an engine."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._lock = _thread.allocate_lock()
        self._followers: deque[Any] = deque()
        self._poller = Poller()
        self._links: dict[int, Link] = {}
        self._pulse = Pulse()
        self.to_fire: list[Completion] = []
        self.turns = 0
        self.leading = 0

    def fileno(self) -> int:
        """Readable when an executor has said something."""
        return self._poller.fileno()

    def add(self, link: Link) -> None:
        """Read this executor too."""
        self._links[link.descriptor] = link
        self._poller.add(link.descriptor)

    def remove(self, link: Link) -> None:
        """Read it no longer."""
        if self._links.pop(link.descriptor, None) is not None:
            self._poller.remove(link.descriptor)

    def want_to_write(self, link: Link, wanted: bool) -> None:  # noqa: FBT001
        """Have ``link.push`` called when its socket takes bytes again."""
        if link.descriptor in self._links:
            self._poller.change(link.descriptor, READ | WRITE if wanted else READ)

    def wake(self) -> None:
        """Make the leader look again: something was completed without it."""
        if self.leading:
            self._poller.wake()

    def led_by_me(self) -> bool:
        """Whether the calling thread reads at this moment."""
        return self.leading == _thread.get_ident()

    # ---- waiting

    def wait(self, completion: Completion, timeout: float | None, link: Link | None) -> bool:
        """Read, or let somebody read, until ``completion`` is done.

        Args:
            completion: What is waited for.
            timeout: Seconds; None for ever.
            link: The executor that will answer, if it is known: its socket is watched closely first.

        Returns:
            Whether it is done.
        """
        deadline = None if timeout is None else monotonic() + timeout
        guard = self._guard
        while completion._outcome is PENDING:
            if deadline is not None and monotonic() >= deadline:
                return False
            if self._take_the_lead():
                self.turns += 1
                try:
                    self._lead(completion, deadline, link)
                finally:
                    guard.depth += 1
                    self._resign()
                    guard.depth -= 1
                if self.to_fire:
                    self.fire()
            else:
                self._follow(completion, deadline)
            if guard.came:
                guard.deliver()
        return True

    def _take_the_lead(self) -> bool:
        """Take the lock, if it is free; Ctrl-C comes before or after, because nobody else would give it back."""
        guard = self._guard
        guard.depth += 1
        leads = self._lock.acquire(False)
        if leads:
            self.leading = _thread.get_ident()
        guard.depth -= 1
        return leads

    def serve(self) -> None:
        """Read what is there, without waiting; for event loops, and for whoever has filled a queue."""
        self.turns += 1
        self.serve_for_others()

    def serve_for_others(self) -> None:
        """`serve` for the keeper, who reads only as long as nobody else does."""
        guard = self._guard
        if not self._take_the_lead():
            return
        try:
            self._take(self._poller.wait(0))
        finally:
            guard.depth += 1
            self._resign()
            guard.depth -= 1
        if guard.came:
            guard.deliver()
        if self.to_fire:
            self.fire()

    def fire(self) -> None:
        """Run the callbacks of what was completed while the lock was held."""
        fired, self.to_fire = self.to_fire, []
        begun = 0
        try:
            for completion in fired:
                begun += 1
                completion.fire()
        finally:
            if begun < len(fired):  # Ctrl-C in a callback; the others have a right to be called
                self.to_fire = fired[begun:] + self.to_fire

    def _lead(self, completion: Completion, deadline: float | None, link: Link | None) -> None:
        while link is not None and not link.ended and completion._outcome is PENDING and not self.to_fire:
            if not self._spin(link):
                break
        while completion._outcome is PENDING and not self.to_fire:
            left = None if deadline is None else deadline - monotonic()
            if left is not None and left <= 0:
                return
            self._take(self._poller.wait(left))
        if self.turns % OTHERS_EVERY == 0:
            self._take(self._poller.wait(0))

    def _spin(self, link: Link) -> bool:
        """Watch one socket closely; says whether something came."""
        guard = self._guard
        guard.depth += 1  # Ctrl-C between reading and taking in would lose what was read
        try:
            count = self._pulse.spin(link.socket, link.frames.space())
            if count >= 0:
                link.received(count)
        except OSError:  # reset because it died with calls unread, or closed on another thread
            return False
        finally:
            guard.depth -= 1
            if guard.came:
                guard.deliver()
        return count >= 0

    def _take(self, ready: Any) -> None:
        with self._guard:
            self._read_all(ready)

    def _read_all(self, ready: Any) -> None:
        for descriptor, events in ready:
            link = self._links.get(descriptor)
            if link is None:
                continue
            if events & WRITE:
                link.push()
            if events & ~WRITE:
                link.read()

    def _resign(self) -> None:
        self.leading = 0
        self._lock.release()
        if self._followers:
            try:
                _release(self._followers.popleft())
            except IndexError:  # it left by itself meanwhile
                return

    def _follow(self, completion: Completion, deadline: float | None) -> None:
        mine = _thread.allocate_lock()
        mine.acquire()

        def done(_: object) -> None:
            _release(mine)

        self._followers.append(mine)
        completion.when_done(done)
        try:
            if completion._outcome is PENDING and self._lock.locked():
                left = -1 if deadline is None else max(0.0, deadline - monotonic())
                mine.acquire(timeout=left)
        finally:
            completion.forget(done)
            try:
                self._followers.remove(mine)
            except ValueError:  # the leader took it off to wake us
                pass

    def close(self) -> None:
        """Close its own descriptors."""
        self._poller.close()


def _release(lock: Any) -> None:
    try:
        lock.release()
    except RuntimeError:  # released twice: done and asked to lead at the same time
        return
