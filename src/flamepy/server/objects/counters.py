"""What the cache counts, for metrics."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field


@dataclass
class CacheCounters:
    """Counts since the start; read them with `snapshot`.

    Attributes:
        puts: Objects created or replaced.
        patches: Patches appended.
        gets: Objects looked for, whatever came of it.
        not_modified: Of these, how many the reader had already.
        missing: Of these, how many were not there.
        deletes: Objects deleted.
        evictions: Objects dropped from memory for lack of room.
        loads: Objects read back from disk.
        refused: Calls without the token.
        bytes_in: Bytes of values received.
        bytes_out: Bytes of values sent.
    """

    puts: int = 0
    patches: int = 0
    gets: int = 0
    not_modified: int = 0
    missing: int = 0
    deletes: int = 0
    evictions: int = 0
    loads: int = 0
    refused: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def add(self, **amounts: int) -> None:
        """Add to some of the counts."""
        with self._lock:
            for name, amount in amounts.items():
                setattr(self, name, getattr(self, name) + amount)

    def snapshot(self) -> dict[str, int]:
        """Return all counts, taken at one moment."""
        with self._lock:
            return {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "_lock"}
