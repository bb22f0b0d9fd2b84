"""Waiting for the next message: spin a little, then block; and learn which of the two pays.

A blocked reader costs two context switches (70 µs a round trip here); one that spins sees the message in a few µs, but
takes a core from whoever should be producing it when all cores are busy. So the spin has a budget. It is kept while
spinning succeeds, halved each time it does not, and dropped at once when a turn of the loop took far longer than it
should: the scheduler gave our core to somebody who needs it. Now and then a blocked reader tries again.
"""

from __future__ import annotations

import _socket
import os
from time import perf_counter

LONGEST = 120e-6
"""Seconds to spin at most."""

SHORTEST = 4e-6
"""Below this many seconds the budget counts as none."""

PREEMPTED = 40e-6
"""Seconds in one turn of the loop that tell that somebody else had the core."""

RETRY = 64
"""After so many waits without spinning it is tried again."""

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Pulse:
    """The spinning budget of one reader."""

    __slots__ = ("_budget", "_idle")

    def __init__(self) -> None:
        self._budget = LONGEST if CORES > 1 else 0.0
        self._idle = 0

    def spin(self, sock: _socket.socket, buffer: memoryview) -> int:
        """Try to read for as long as the budget allows.

        Returns:
            Bytes read, 0 at the end of the stream, -1 if nothing came.
        """
        if self._budget < SHORTEST and not self._again():
            return -1
        receive, dont_wait = sock.recv_into, _socket.MSG_DONTWAIT
        start = last = perf_counter()
        end = start + self._budget
        while True:
            try:
                count = receive(buffer, 0, dont_wait)
            except BlockingIOError:
                now = perf_counter()
                if now - last > PREEMPTED:
                    self._budget = 0.0
                    return -1
                if now > end:
                    self._budget /= 2
                    return -1
                last = now
            else:
                self._budget = min(LONGEST, self._budget * 2)
                return count

    def _again(self) -> bool:
        self._idle += 1
        if self._idle < RETRY or CORES < 2:
            return False
        self._idle = 0
        self._budget = LONGEST / 4
        return True
