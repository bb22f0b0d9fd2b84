"""Folders of processes that host executors: in shared memory and on disk, and removed whatever ends their process.

A process has one lodging in each place, locked for as long as it lives, with a folder in it for each executor. The
kernel gives the lock back when the process ends, so that whoever comes next and calls `sweep` knows the dead from the
living.
"""

from __future__ import annotations

import fcntl
import os
from _thread import allocate_lock

SUFFIX = ".host"

_lock = allocate_lock()
_held: dict[str, _Lodging] = {}


class _Lodging:
    """This process's folder in one place."""

    def __init__(self, root: str) -> None:
        self.guests = 0
        while True:
            self.path = f"{root}/flamepy-{os.geteuid()}-{os.getpid()}-{os.urandom(3).hex()}{SUFFIX}"
            os.mkdir(self.path, 0o700)
            try:
                self.descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:  # swept a moment ago, because it was not locked yet
                continue
            try:
                fcntl.flock(self.descriptor, fcntl.LOCK_EX)
            except OSError:  # a file system without locks: nobody will be able to sweep it
                return
            if os.path.exists(self.path):
                return
            os.close(self.descriptor)

    def close(self) -> None:
        _remove(self.path)
        os.close(self.descriptor)


def memory_root() -> str | None:
    """The folder of this machine's shared memory, where there is one."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK | os.X_OK) else None


def disk_root() -> str:
    """The folder for temporary files."""
    folders = (os.environ.get(name) for name in ("TMPDIR", "TEMP", "TMP"))
    return next((os.path.abspath(folder) for folder in folders if folder and os.path.isdir(folder)), "/tmp")


def move_in(root: str) -> str:
    """Return a new folder below ``root``; it lives as long as this process, or until `move_out`.

    Raises:
        OSError: It cannot be made.

    Example:
        >>> folder = move_in(disk_root())
        >>> move_out(folder)
        >>> os.path.exists(folder)
        False
    """
    with _lock:
        lodging = _held.get(root)
        if lodging is None:
            lodging = _held[root] = _Lodging(root)
        lodging.guests += 1
        folder = f"{lodging.path}/{os.urandom(4).hex()}"
        try:
            os.mkdir(folder, 0o700)
        except OSError:
            _leave(root)
            raise
        return folder


def move_out(folder: str) -> None:
    """Remove a folder that `move_in` made, and the lodging with the last one."""
    _remove(folder)
    with _lock:
        _leave(os.path.dirname(os.path.dirname(folder)))


def _leave(root: str) -> None:
    lodging = _held[root]
    lodging.guests -= 1
    if not lodging.guests:
        del _held[root]
        lodging.close()


def sweep() -> list[str]:
    """Remove what killed processes of this user have left; returns the folders."""
    ours = f"flamepy-{os.geteuid()}-"
    removed = []
    for root in {memory_root() or disk_root(), disk_root()}:
        try:
            names = os.listdir(root)
        except OSError:
            continue
        found = [f"{root}/{name}" for name in names if name.endswith(SUFFIX) and name.startswith(ours)]
        removed += [folder for folder in found if _remove_if_dead(folder)]
    return removed


def _remove_if_dead(folder: str) -> bool:
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # somebody lives there
        return False
    else:
        _remove(folder)
        return True
    finally:
        os.close(descriptor)


def _remove(folder: str) -> None:
    # Without shutil, whose import would take five milliseconds of a program that finds litter.
    try:
        for entry in os.scandir(folder):
            if entry.is_dir(follow_symlinks=False):
                _remove(entry.path)
            else:
                os.unlink(entry.path)
        os.rmdir(folder)
    except OSError:  # what is left is swept another time
        return
