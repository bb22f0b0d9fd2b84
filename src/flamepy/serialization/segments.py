"""Shared memory for large buffers: written once, mapped by every process of the engine that needs it, recycled.

A segment is a file in the engine's shared-memory folder (``/dev/shm`` on Linux), named ``<creator>-<number>``. Its
creator writes it; others map it by name. Three measurements shape this module (64 MiB, one machine, ratios matter):
touching fresh pages through a mapping runs at 1.4 GB/s, ``write()`` into the file at 2.4, copying into pages that
were used before at 15. So fresh segments are written with ``write()`` - which also reports a full file system as an
error where a mapping would die of SIGBUS - and segments that nobody looks at any more are kept for the next object.
A large one has several files, written side by side; see `stripes`.

Space is reserved in the `Ledger` of the engine before it is written; when the limit is reached an object goes to the
spill folder on disk, from where it is mapped in the same way.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import weakref
from _thread import allocate_lock
from collections import deque

from flamepy.errors import EngineError
from flamepy.serialization import stripes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    Part = tuple[str, int, tuple[int, ...]]

LARGE = 64 * 1024
"""Bytes from which an object's buffers go to shared memory."""

ALIGN = 64
"""Each buffer starts at a multiple of this, a cache line; vectorised code wants it."""


class StoreFull(EngineError, MemoryError):
    """Neither shared memory nor the spill folder has room for an object."""


class Ledger:
    """Bytes of shared memory in use by an engine, counted over all its processes.

    Args:
        path: A file of eight bytes; a lock on it makes each change whole.
        limit: Bytes that may be in use.
    """

    def __init__(self, path: str, limit: int) -> None:
        self.limit = limit
        self._threads = allocate_lock()
        self._owed: deque[int] = deque()
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def reserve(self, size: int) -> bool:
        """Take ``size`` bytes if the limit allows it."""
        with self._threads:  # the file lock keeps out other processes, not our own threads
            taken = self._add(size)
        self._pay()
        return taken

    def refund(self, size: int) -> None:
        """Give ``size`` bytes back; never waits, because the garbage collector calls it in the middle of anything."""
        self._owed.append(size)
        self._pay()

    def _pay(self) -> None:
        while self._owed and self._threads.acquire(False):  # else whoever has the lock pays when it is done
            try:
                while self._owed:
                    self._add(-self._owed.popleft())
            finally:
                self._threads.release()

    def used(self) -> int:
        """Bytes in use."""
        return int.from_bytes(os.pread(self._file, 8, 0), "little")

    def _add(self, size: int) -> bool:
        if self._file < 0:  # nobody counts for an engine that has ended; objects that outlive it are freed all the same
            return True
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX)
            used = self.used() + size
            if size > 0 and used > self.limit:
                return False
            os.pwrite(self._file, max(0, used).to_bytes(8, "little"), 0)
            return True
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the file."""
        with self._threads:
            file, self._file = self._file, -1
            os.close(file)


class Segment:
    """A piece of shared memory and how many look at it.

    Attributes:
        name: File name inside the arena's folder.
        capacity: Its bytes.
        uses: Leases and mapped views alive; at zero `on_free` is called.
        on_free: What to do then.
    """

    __slots__ = ("capacity", "mapping", "name", "on_free", "spilled", "uses")

    def __init__(self, name: str, capacity: int, on_free: Callable[[Segment], object]) -> None:
        self.name = name
        self.capacity = capacity
        self.mapping: Any = None
        self.spilled = False
        self.uses = 0
        self.on_free = on_free

    def hold(self) -> None:
        """One more looks at it."""
        self.uses += 1

    def drop(self, _reference: object = None) -> None:
        """One less; the last one frees it."""
        self.uses -= 1
        if self.uses == 0:
            self.on_free(self)


class Lease:
    """Keeps a segment alive as long as this object lives."""

    __slots__ = ("__weakref__", "segment")

    def __init__(self, segment: Segment) -> None:
        self.segment = segment
        segment.hold()

    def __del__(self) -> None:
        self.segment.drop()


class Arena:
    """The segments of one process: those it wrote and those it has mapped.

    Args:
        folder: The engine's folder in shared memory.
        spill: Its folder on disk.
        creator: Prefix of this process's segment names, unique in the engine.
        ledger: The engine's accounting.
        pool_limit: Bytes of unused segments kept for the next objects.
        files: How many a large segment may have; more than one where only arenas read it.
    """

    def __init__(
        self, folder: str, spill: str, creator: str, ledger: Ledger, pool_limit: int = 1 << 30, files: int = 1
    ) -> None:
        self.folder = folder
        self.spill = spill
        self.ledger = ledger
        self.pool_limit = pool_limit
        self.files = files
        self._creator = creator
        self._count = 0
        self._pool: dict[int, list[Segment]] = {}
        self._pooled = 0
        self._mapped: dict[str, Any] = {}
        self._watching: dict[int, weakref.ref[object]] = {}

    # ---- writing

    def write(self, buffers: Sequence[memoryview], on_free: Callable[[Segment], object]) -> tuple[Segment, Part]:
        """Copy ``buffers`` into one segment.

        Returns:
            The segment, unused as yet, and its part of a message: ``(name, capacity, lengths)``.

        Raises:
            StoreFull: Neither memory nor disk has room.
        """
        lengths = tuple(b.nbytes for b in buffers)
        size = sum(_aligned(n) for n in lengths)
        segment = self._recycled(size, on_free)
        if segment is not None:
            view = memoryview(self.map(segment)).cast("B")
            for offset, buffer in zip(offsets_of(lengths), buffers, strict=True):
                view[offset : offset + buffer.nbytes] = buffer
        else:
            segment = self._fresh(_paged(size), on_free)
            self._fill(segment, buffers, lengths)
        return segment, (segment.name, segment.capacity, lengths)

    def _recycled(self, size: int, on_free: Callable[[Segment], object]) -> Segment | None:
        wanted = _paged(size)
        for capacity in (wanted, *(c for c in list(self._pool) if wanted < c <= wanted + wanted // 4)):
            while self._pool.get(capacity):
                try:
                    segment = self._pool[capacity].pop()
                except IndexError:  # another thread was faster
                    break
                self._pooled -= capacity
                segment.on_free = on_free
                return segment
        return None

    def _fresh(self, capacity: int, on_free: Callable[[Segment], object]) -> Segment:
        self._count += 1
        segment = Segment(f"{self._creator}-{self._count}", capacity, on_free)
        if not self.ledger.reserve(capacity):
            self.trim(0)
            segment.spilled = not self.ledger.reserve(capacity)
        return segment

    def _fill(self, segment: Segment, buffers: Sequence[memoryview], lengths: tuple[int, ...]) -> None:
        try:
            self._write_file(segment, buffers, lengths)
        except OSError as error:
            self._remove(segment)
            if segment.spilled:
                raise StoreFull(
                    f"an object of {segment.capacity:,} bytes fits neither in shared memory (limit "
                    f"{self.ledger.limit:,} bytes, {self.ledger.used():,} in use) nor in {self.spill} "
                    f"({error.strerror}); drop ObjectExprs that you no longer need, or free disk space",
                    size=segment.capacity,
                ) from error
            segment.spilled = True
            self._fill(segment, buffers, lengths)
        except BaseException:  # the task was interrupted
            self._remove(segment)
            raise

    def _write_file(self, segment: Segment, buffers: Sequence[memoryview], lengths: tuple[int, ...]) -> None:
        if segment.spilled:
            os.makedirs(self.spill, mode=0o700, exist_ok=True)
        chunks = list(zip(offsets_of(lengths), buffers, strict=True))
        stripes.write(self.path(segment), segment.capacity, chunks, 1 if segment.spilled else self.files)

    # ---- reading

    def segment(self, part: Part, on_free: Callable[[Segment], object]) -> Segment:
        """A segment that another process wrote."""
        return Segment(part[0], part[1], on_free)

    def views(self, segment: Segment, lengths: Sequence[int]) -> list[memoryview]:
        """Read-only views of a segment's buffers; the segment is in use until the last of them is gone."""
        if len(lengths) == 0:
            return []
        # Only ctypes arrays both export a buffer of a mapping and can be watched for their end.
        import ctypes

        exporter = (ctypes.c_char * segment.capacity).from_buffer(self.map(segment))
        segment.hold()
        key = id(exporter)
        watching = self._watching

        def gone(_: object) -> None:
            watching.pop(key, None)
            segment.drop()

        watching[key] = weakref.ref(exporter, gone)
        whole = memoryview(exporter).cast("B").toreadonly()
        return [whole[o : o + n] for o, n in zip(offsets_of(lengths), lengths, strict=True)]

    def map(self, segment: Segment) -> Any:
        """Map a segment's file, once; the mapping outlives the file."""
        if segment.mapping is None:
            segment.mapping = self._mapped.get(segment.name)
        if segment.mapping is None:
            segment.mapping = self._mapped[segment.name] = self._map(segment)
        return segment.mapping

    def _map(self, segment: Segment) -> Any:
        for folder in (self.folder, self.spill, self.folder):  # it may be on its way from one to the other
            try:
                return stripes.map_segment(f"{folder}/{segment.name}", segment.capacity)
            except FileNotFoundError:
                continue
        raise EngineError(f"the shared object {segment.name} is gone; its engine has ended", segment=segment.name)

    # ---- the end of a segment

    def recycle(self, segment: Segment) -> bool:
        """Keep an unused segment for the next object of its size, or remove it; says whether it was kept."""
        if segment.spilled or self._pooled + segment.capacity > self.pool_limit:
            self.remove(segment)
            return False
        self._pooled += segment.capacity
        self._pool.setdefault(segment.capacity, []).append(segment)
        return True

    def trim(self, keep: int) -> list[str]:
        """Remove pooled segments until at most ``keep`` bytes of them are left; returns their names."""
        removed = []
        for capacity in sorted(self._pool, reverse=True):
            while self._pooled > keep and self._pool[capacity]:
                segment = self._pool[capacity].pop()
                self._pooled -= capacity
                self.remove(segment)
                removed.append(segment.name)
        return removed

    def pooled(self) -> int:
        """Bytes of unused segments."""
        return self._pooled

    def remove(self, segment: Segment) -> None:
        """Delete the file; views that are still alive keep their memory."""
        self.forget(segment.name)
        self._remove(segment)

    def _remove(self, segment: Segment) -> None:
        segment.mapping = None
        stripes.remove(self.path(segment), segment.capacity)
        if not segment.spilled:
            self.ledger.refund(segment.capacity)

    def forget(self, name: str) -> None:
        """Drop the cached mapping of a segment that another process removed."""
        self._mapped.pop(name, None)

    def move_to_disk(self, segment: Segment) -> None:
        """Move a segment from shared memory to the spill folder; mapped views stay valid.

        Raises:
            StoreFull: The disk has no room.
        """
        os.makedirs(self.spill, mode=0o700, exist_ok=True)
        source, target = f"{self.folder}/{segment.name}", f"{self.spill}/{segment.name}"
        try:
            stripes.copy(source, segment.capacity, target)
        except OSError as error:
            raise StoreFull(
                f"cannot spill an object to {self.spill}: {error.strerror}", size=segment.capacity
            ) from error
        stripes.remove(source, segment.capacity)
        self.forget(segment.name)
        segment.mapping, segment.spilled = None, True
        self.ledger.refund(segment.capacity)

    def close(self) -> None:
        """Let go of what is cached; views that are still alive keep their memory."""
        self._mapped.clear()
        self._pool.clear()

    def path(self, segment: Segment) -> str:
        """Where the segment's file is."""
        return f"{self.spill if segment.spilled else self.folder}/{segment.name}"


def _aligned(size: int) -> int:
    return (size + ALIGN - 1) & ~(ALIGN - 1)


def _paged(size: int) -> int:
    return max(mmap.PAGESIZE, (size + mmap.PAGESIZE - 1) & ~(mmap.PAGESIZE - 1))


def offsets_of(lengths: Sequence[int]) -> Iterator[int]:
    """Where the buffers of a segment begin."""
    offset = 0
    for length in lengths:
        yield offset
        offset += _aligned(length)
