"""What outlives an executor on its node: a small file with the call that it ran and its exit code, and its last words.

Ray does not say how a worker process ended. So the executor writes its exit code before it leaves, and
`faulthandler` writes which signal it died of; if there is neither, only SIGKILL is left, which nobody can catch.
"""

from __future__ import annotations

import mmap
import os
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO, Any, NoReturn

CELL_BYTES = 16
"""The number of the running call, and one more than the exit code."""

FAULTS = {
    "Segmentation fault": signal.SIGSEGV,
    "Aborted": signal.SIGABRT,
    "Floating point exception": signal.SIGFPE,
    "Floating-point exception": signal.SIGFPE,
    "Bus error": signal.SIGBUS,
    "Illegal instruction": signal.SIGILL,
}
"""What `faulthandler` calls fatal signals."""

ASKED = (signal.SIGTERM, signal.SIGHUP, signal.SIGXCPU)
"""Signals that end a process and that `faulthandler` can be asked to note."""


class Box:
    """The file of one executor; made by it, read by its node's steward after its end.

    Args:
        folder: The client's folder on this node.
        name: The executor's, unique there.
    """

    def __init__(self, folder: str, name: str) -> None:
        self._path = f"{folder}/{name}"
        self._files: list[IO[str]] = []

    def record(self) -> memoryview:
        """Make the file; returns the cell for the number of the running call."""
        file = os.open(f"{self._path}.cell", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.pwrite(file, bytes(CELL_BYTES), 0)
            self._cells: Any = memoryview(mmap.mmap(file, CELL_BYTES)).cast("Q")
        finally:
            os.close(file)
        running: memoryview = self._cells[:1]
        return running

    def note_faults(self) -> None:
        """From now on, note the signals that this process dies of."""
        import faulthandler

        faulthandler.enable(self._open("fault"))
        for number in ASKED:
            signal.signal(number, signal.SIG_DFL)
            faulthandler.register(number, self._open(f"signal{int(number)}"), all_threads=False, chain=True)

    def _open(self, what: str) -> IO[str]:
        file = open(f"{self._path}.{what}", "w", encoding="utf-8")  # noqa: SIM115 - open as long as the process
        self._files.append(file)
        return file

    def leaving(self, leave: Callable[[int], NoReturn]) -> Callable[[int], NoReturn]:
        """Return an ``os._exit`` that notes the exit code first."""

        def exit_now(status: int) -> NoReturn:
            self._cells[1] = (status & 0xFF) + 1
            leave(status)

        return exit_now

    # ---- afterwards, on the steward

    def autopsy(self) -> tuple[int | None, int | None, str]:
        """How it ended: number of the running call, wait status, last words; None for what nobody knows."""
        try:
            with open(f"{self._path}.cell", "rb") as file:
                cells = memoryview(file.read(CELL_BYTES)).cast("Q")
        except (FileNotFoundError, TypeError):  # it ended before it had made one
            return 0, None, ""
        fault = self._read("fault")
        if cells[1]:
            return cells[0], (cells[1] - 1) << 8, fault
        for text, number in FAULTS.items():
            if text in fault:
                return cells[0], int(number), fault
        for number in ASKED:
            if self._read(f"signal{int(number)}"):
                return cells[0], int(number), ""
        return cells[0], int(signal.SIGKILL), ""

    def _read(self, what: str) -> str:
        try:
            with open(f"{self._path}.{what}", encoding="utf-8", errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def remove(self) -> None:
        """Delete the files."""
        for what in ("cell", "fault", *(f"signal{int(number)}" for number in ASKED)):
            try:
                os.unlink(f"{self._path}.{what}")
            except FileNotFoundError:
                continue
