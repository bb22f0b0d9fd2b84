"""Executors as processes: the shared cells in which they say what they run, and their end by force."""

from __future__ import annotations

import _signal
import mmap
import os
import select

from flamepy.errors import EngineUnavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    pass

SLOTS = 4096
"""Executors that an engine can have at one time."""

LAST_WAIT = 1.0
"""Seconds to wait for the end of a process that was killed."""


class Slots:
    """A file of cells, one for each executor, in which it writes the number of the call that it runs.

    Args:
        path: The file, in shared memory, where the cells outlive the process that writes them.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._free = list(range(SLOTS - 1, -1, -1))
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            offset = 0
            while offset < SLOTS * 8:  # an error if there is no room, where touching a mapping is a SIGBUS
                offset += os.pwrite(file, bytes(SLOTS * 8 - offset), offset)
            self._mapping = mmap.mmap(file, SLOTS * 8)
        finally:
            os.close(file)
        self._cells = memoryview(self._mapping).cast("Q")

    def take(self) -> int:
        """A free cell, set to "nothing".

        Raises:
            EngineUnavailable: There is none.
        """
        if not self._free:
            raise EngineUnavailable(f"an engine has {SLOTS} executors at most; close services that you no longer need")
        slot = self._free.pop()
        self._cells[slot] = 0
        return slot

    def running(self, slot: int) -> int:
        """The number of the call that an executor runs, or ran when it died; 0 for none."""
        return self._cells[slot]

    def give_back(self, slot: int) -> None:
        """Its executor is gone."""
        self._free.append(slot)

    def close(self) -> None:
        """Unmap the file, which keeps a descriptor."""
        self._cells.release()
        self._mapping.close()


def kill_group(pid: int) -> None:
    """Kill an executor, and what it has started."""
    for kill in (os.killpg, os.kill):  # before its first instruction it has no group of its own
        try:
            kill(pid, _signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue


def end_orphan(pid: int) -> None:
    """Kill an executor whose template is gone, and wait for its end where the system lets us see it."""
    try:
        watch = os.pidfd_open(pid)
    except (AttributeError, OSError):  # not on this system, or it has ended
        kill_group(pid)
        return
    kill_group(pid)
    poller = select.poll()
    poller.register(watch, select.POLLIN)
    poller.poll(LAST_WAIT * 1000)
    os.close(watch)
