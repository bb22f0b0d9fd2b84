"""The files of one segment: several for a large one, so that several threads can fill it side by side.

What costs is fresh pages, at 2 us each, and a file takes one writer at a time. 64 MiB into fresh shared memory took
37 ms in one file, 40 by two threads in one file, 26 in two files by two threads (medians of 5, two cores, all else
stopped). A mapping filled by one thread beside a ``write()`` by another took 30, and ends the process by SIGBUS where
the file system is full. A segment ``x`` of more bytes than its file ``x`` goes on in ``x~1``, ``x~2``, ...
"""

from __future__ import annotations

import mmap
import os
from _thread import allocate_lock, start_new_thread

from flamepy.serialization.mapping import map_files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    Chunks = Sequence[tuple[int, memoryview]]

STRIPED = 8 << 20
"""Bytes from which a segment may have several files; a thread has to be worth its start."""

MOST = 4


def writers(cores: int) -> int:
    """Files, and threads, that a large segment gets on a machine with so many cores.

    Example:
        >>> writers(1)
        1
    """
    return min(MOST, cores) if os.path.isdir("/dev/shm") else 1


def write(path: str, capacity: int, chunks: Chunks, files: int) -> None:
    """Make the files of a segment.

    Args:
        path: The first one.
        capacity: Bytes of all of them.
        chunks: What goes where: offset and bytes, by offset.
        files: How many there may be.

    Raises:
        OSError: There is no room, or one of the files is there already; what was made so far stays.
    """
    size = _size(capacity, files)
    fillers: list[_Filler] = []
    try:
        for name, start in zip(_names(path), range(0, capacity, size), strict=False):
            file = _create(name, min(size, capacity - start))
            fillers.append(_Filler(file, _within(chunks, start, size)))
        for filler in fillers[1:]:
            filler.start()
        fillers[0].run()
    finally:
        for filler in fillers:
            filler.finish()


def open_all(path: str, capacity: int) -> list[tuple[int, int]]:
    """Open the files of a segment; returns the descriptor and the bytes of each.

    Raises:
        FileNotFoundError: It is not there, or not as a whole.
    """
    opened: list[tuple[int, int]] = []
    try:
        for name in _names(path):
            file = os.open(name, os.O_RDWR | os.O_CLOEXEC)
            opened.append((file, min(capacity, os.fstat(file).st_size)))
            capacity -= opened[-1][1]
            if capacity <= 0 or not opened[-1][1]:
                return opened
    except BaseException:
        close_all(opened)
        raise
    raise AssertionError("names do not end")


def close_all(opened: Sequence[tuple[int, int]]) -> None:
    """Close descriptors."""
    for file, _ in opened:
        os.close(file)


def map_segment(path: str, capacity: int) -> Any:
    """Map all of a segment, for reading and writing, as one buffer.

    Raises:
        FileNotFoundError: It is not there.
    """
    opened = open_all(path, capacity)
    try:
        return map_files(opened)
    finally:
        close_all(opened)


def copy(source: str, capacity: int, target: str) -> None:
    """Copy a segment into one file.

    Raises:
        OSError: There is no room; nothing is left.
    """
    opened = open_all(source, capacity)
    try:
        with open(target, "xb") as writing:
            for file, _ in opened:
                while chunk := os.read(file, 1 << 20):
                    writing.write(chunk)
    except OSError:
        if os.path.exists(target):
            os.unlink(target)
        raise
    finally:
        close_all(opened)


def remove(path: str, capacity: int) -> None:
    """Delete the files of a segment; what is mapped keeps its memory."""
    for name in _names(path):
        try:
            os.unlink(name)
        except (FileNotFoundError, NotADirectoryError):  # removed by its engine's end, or never made
            return
        if capacity < STRIPED:
            return


def listed(folder: str, prefix: str) -> dict[str, int]:
    """The segments of a folder by name, with the bytes of all their files."""
    found: dict[str, int] = {}
    try:
        for entry in os.scandir(folder):
            if entry.name.startswith(prefix):
                name = entry.name.partition("~")[0]
                found[name] = found.get(name, 0) + entry.stat().st_size
    except FileNotFoundError:
        pass
    return found


class _Filler:
    """Fills one file, on a thread of its own or here; the file is closed by whoever does it."""

    def __init__(self, file: int, chunks: list[tuple[int, memoryview]]) -> None:
        self._file = file
        self._chunks = chunks
        self._error: BaseException | None = None
        self._begun = False
        self._done = allocate_lock()

    def start(self) -> None:
        """Fill it on a thread."""
        self._begun = True
        self._done.acquire()
        try:
            start_new_thread(self._run_there, ())
        except RuntimeError:  # no more threads
            self._run_there()

    def run(self) -> None:
        """Fill it."""
        self._begun = True
        try:
            for offset, chunk in self._chunks:
                while chunk.nbytes:
                    written = os.pwrite(self._file, chunk, offset)
                    chunk, offset = chunk[written:], offset + written
        finally:
            self._chunks.clear()  # whoever made them may change their size as soon as we are done
            os.close(self._file)

    def _run_there(self) -> None:
        try:
            self.run()
        except BaseException as error:  # it is raised where it is waited for
            self._error = error
        finally:
            self._done.release()

    def finish(self) -> None:
        """Wait until it is filled."""
        if not self._begun:  # something was raised before its turn came
            os.close(self._file)
            return
        with self._done:
            error, self._error = self._error, None
        if error is not None:
            raise error


def _names(path: str) -> Iterator[str]:
    yield path
    number = 0
    while True:
        number += 1
        yield f"{path}~{number}"


def _size(capacity: int, files: int) -> int:
    """Bytes of each file but the last one."""
    if capacity < STRIPED or files < 2:
        return capacity
    return -(-capacity // (files * mmap.PAGESIZE)) * mmap.PAGESIZE


def _create(name: str, size: int) -> int:
    file = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.ftruncate(file, size)
    except BaseException:
        os.close(file)
        raise
    return file


def _within(chunks: Chunks, start: int, size: int) -> list[tuple[int, memoryview]]:
    """The part of what is to be written that falls into one file, and where in it."""
    found = []
    for offset, chunk in chunks:
        begin, end = max(start, offset), min(start + size, offset + chunk.nbytes)
        if begin < end:
            found.append((begin - start, chunk[begin - offset : end - offset]))
    return found
