"""What differs between the machines that executors run on; each driver's entry point brings its own `Host`."""

from __future__ import annotations

import mmap
import os

from flamepy.serialization.segments import Arena, Ledger

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    from flamepy.serialization.store import Store

    class Host(Protocol):
        """The machine of an executor."""

        def complete(self, binding: dict[str, Any]) -> dict[str, Any]:
            """Add to the body of `Ask.BIND` what only this machine knows: folders, ``sys.path``."""

        def store(self, binding: dict[str, Any]) -> Store:
            """Where large buffers live."""

        def progress_cell(self, binding: dict[str, Any]) -> memoryview:
            """Eight bytes, seen from outside of this process, for the number of the call that runs."""


class ThisMachine:
    """The client's own machine: shared memory, and everything in the binding.

    Args:
        slot: Which cell of the shared progress file is ours.
    """

    def __init__(self, slot: int) -> None:
        self._slot = slot

    def complete(self, binding: dict[str, Any]) -> dict[str, Any]:
        """Nothing is missing."""
        return binding

    def store(self, binding: dict[str, Any]) -> Arena:
        """The engine's shared memory."""
        ledger = Ledger(binding["ledger"], binding["limit"])
        files = binding.get("files", 1)
        return Arena(binding["folder"], binding["spill"], binding["creator"], ledger, binding["pool"], files)

    def progress_cell(self, binding: dict[str, Any]) -> memoryview:
        """A cell of the engine's progress file."""
        file = os.open(binding["progress"], os.O_RDWR | os.O_CLOEXEC)
        try:
            cells = memoryview(mmap.mmap(file, 0)).cast("Q")
        finally:
            os.close(file)
        return cells[self._slot : self._slot + 1]
