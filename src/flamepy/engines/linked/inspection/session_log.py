"""What the tasks of a session printed: a bounded file per session, written by the engine, read by ``flmctl logs``.

A line is ``<UTC time> <pid> <stdout|stderr> <text>``. The newest bytes are kept: a full file becomes ``<path>.1``, in
place of the one before. The writer holds a lock on the file, so that a reader knows when nothing more will come.
Imported at every engine start: nothing but C modules at import time.
"""

from __future__ import annotations

import os
from time import gmtime, strftime, time

from flamepy.engines.linked.inspection.places import logs_root
from flamepy.engines.linked.inspection.private_files import (
    create_locked,
    is_descriptor_locked,
    is_locked,
    unlink,
    unlock,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT_BYTES = 16 * 1024 * 1024
"""What a session's log may have, both files together."""

LOG_BYTES_LIMIT = 256 * 1024 * 1024
"""What the logs of all sessions together may have; the oldest go first."""

LOG_FILES_LIMIT = 10_000

_CHUNK = 1 << 16


class SessionLog:
    """The log of one session, open for writing.

    Args:
        path: The file; its folder exists. An older one is replaced.
        limit_bytes: What both files together may have.

    Raises:
        OSError: It cannot be made.

    Example:
        >>> log = SessionLog(f"{logs_root()}/flmrun-a1b2c3.log")  # doctest: +SKIP
        >>> log.write("hello", pid=4711)  # doctest: +SKIP
        >>> log.close()  # doctest: +SKIP
    """

    __slots__ = ("_descriptor", "_limit", "_second", "_size", "_stamp", "path")

    def __init__(self, path: str, limit_bytes: int = LIMIT_BYTES) -> None:
        self.path = path
        self._limit = limit_bytes // 2
        self._descriptor = create_locked(path)
        unlink(older_part(path))
        self._size = 0
        self._second = -1
        self._stamp = ""

    def write(self, text: str, *, pid: int, stream: str = "stdout") -> None:
        """Append one or more lines; does nothing after `close`, or when the disk is full.

        Args:
            text: What was printed, with or without a line break at its end.
            pid: The process that printed it.
            stream: ``stdout`` or ``stderr``.
        """
        if self._descriptor < 0:
            return
        prefix = f"{self._now()} {pid} {stream} "
        data = "".join(f"{prefix}{line}\n" for line in text.split("\n")) if text else f"{prefix}\n"
        if text.endswith("\n"):
            data = data[: -len(prefix) - 1]
        encoded = data.encode("utf-8", "backslashreplace")
        try:
            if self._size + len(encoded) > self._limit and self._size:
                self._rotate()
            self._size += os.write(self._descriptor, encoded[-self._limit :])
        except OSError:
            # The user's program must not fail because its log cannot be kept.
            return

    def close(self) -> None:
        """End the log; a file that has nothing in it is removed. Idempotent."""
        if self._descriptor < 0:
            return
        descriptor, self._descriptor = self._descriptor, -1
        if not self._size and not os.path.exists(older_part(self.path)):
            unlink(self.path)
        unlock(descriptor)

    def _rotate(self) -> None:
        # The old file stays locked until the new one is there: a reader never sees the log as ended in between.
        os.rename(self.path, older_part(self.path))
        full, self._descriptor = self._descriptor, create_locked(self.path)
        self._size = 0
        unlock(full)

    def _now(self) -> str:
        now = time()
        second = int(now)
        if second != self._second:
            self._second, self._stamp = second, strftime("%Y-%m-%dT%H:%M:%S", gmtime(second))
        return f"{self._stamp}.{int(now % 1 * 1000):03d}Z"


def older_part(path: str) -> str:
    """Where the older half of a full log is."""
    return f"{path}.1"


def is_written(path: str) -> bool:
    """Whether a running process has the log open for writing."""
    return is_locked(path)


def read_log(path: str, *, follow: bool = False) -> Iterator[str]:
    """Yield the lines of a log, oldest first.

    Args:
        path: The log; a missing one has no lines.
        follow: Go on while the log is being written; whenever there is nothing new, an empty string comes, and the
            caller waits as it likes before it asks for the next one.

    Raises:
        OSError: It cannot be read.
    """
    older, current = _open_both(path)
    if older >= 0:
        yield from _drained(older, follow=False)
    while current >= 0:
        identity = os.fstat(current).st_ino
        yield from _drained(current, follow=follow)
        current = _open(path)
        if current >= 0 and (os.fstat(current).st_ino == identity or not follow):
            os.close(current)
            return


def prune_logs(bytes_limit: int = LOG_BYTES_LIMIT, files_limit: int = LOG_FILES_LIMIT) -> None:
    """Remove the oldest logs that nobody is writing, until the rest is within the limits.

    Args:
        bytes_limit: What all logs together may have.
        files_limit: How many files may be there.
    """
    files = []
    for entry in os.scandir(logs_root()):
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError:
            continue
        files.append((status.st_mtime, status.st_size, entry.path))
    total, count = sum(size for _, size, _ in files), len(files)
    for _, size, path in sorted(files):
        if total <= bytes_limit and count <= files_limit:
            return
        if not is_locked(path):
            unlink(path)
            total, count = total - size, count - 1


def _drained(descriptor: int, *, follow: bool) -> Iterator[str]:
    """Yield what the open file has, until its writer has let go of it if ``follow``, and close it."""
    rest = b""
    try:
        while True:
            more_to_come = follow and is_descriptor_locked(descriptor)
            while chunk := os.read(descriptor, _CHUNK):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    yield line.decode("utf-8", "replace")
            if not more_to_come:
                break
            yield ""
        if rest:
            yield rest.decode("utf-8", "replace")
    finally:
        os.close(descriptor)


def _open_both(path: str) -> tuple[int, int]:
    """Open the older and the current file such that nothing is missed between them; -1 for a missing one."""
    while True:
        current, older = _open(path), _open(older_part(path))
        rotating = current < 0 <= older and is_descriptor_locked(older)
        if _inode(current) == _inode_at(path) and not rotating:
            return older, current
        for descriptor in (current, older):
            if descriptor >= 0:
                os.close(descriptor)


def _open(path: str) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return -1


def _inode(descriptor: int) -> int:
    return os.fstat(descriptor).st_ino if descriptor >= 0 else -1


def _inode_at(path: str) -> int:
    try:
        return os.stat(path).st_ino
    except FileNotFoundError:
        return -1
