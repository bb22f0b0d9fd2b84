"""Where flamepy keeps files of its own for this user."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path


def user_cache() -> Path:
    """Return the per-user cache folder, which may not exist yet: ``$XDG_CACHE_HOME/flamepy`` on Linux."""
    from pathlib import Path

    return Path(cache_folder())


def cache_folder() -> str:
    """Return the name of `user_cache`, without the import of :mod:`pathlib`: four milliseconds of every start."""
    if sys.platform == "linux":  # what platformdirs says, without its import (5 ms at every start)
        base = os.environ.get("XDG_CACHE_HOME", "")
        cache = os.path.join(base if base.startswith("/") else os.path.expanduser("~/.cache"), "flamepy")
    else:
        from platformdirs import user_cache_path

        cache = str(user_cache_path("flamepy"))
    return cache


class PrivateFolder:
    """A folder of one process that the next one removes if this one could not.

    Its lock file stays locked as long as the process lives, whatever ends it.

    Args:
        parent: Where such folders lie; made if missing, for this user only.

    Example:
        >>> folder = PrivateFolder(f"{cache_folder()}/packages")  # doctest: +SKIP
    """

    def __init__(self, parent: str) -> None:
        """See the class."""
        import fcntl

        os.makedirs(os.path.dirname(parent), exist_ok=True)
        try:
            os.mkdir(parent, 0o700)
        except FileExistsError:
            if not os.path.isdir(parent):
                raise
        _reclaim(parent)
        name = f"{os.getpid()}-{os.urandom(6).hex()}"
        # Hidden until it is locked: another process that reclaims must not take it for an abandoned one.
        hidden = f"{parent}/.{name}"
        os.mkdir(hidden, 0o700)
        self._lock = os.open(f"{hidden}/.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self.path = f"{parent}/{name}"
        os.rename(hidden, self.path)

    def close(self) -> None:
        """Remove the folder with all that is in it; idempotent."""
        if self._lock >= 0:
            _remove(self.path)
            os.close(self._lock)
            self._lock = -1


def _reclaim(parent: str) -> None:
    """Remove the folders of processes that have ended."""
    import fcntl

    with os.scandir(parent) as entries:
        folders = [entry.path for entry in entries if entry.is_dir() and not entry.name.startswith(".")]
    for folder in folders:
        try:
            lock = os.open(os.path.join(folder, ".lock"), os.O_RDWR | os.O_CLOEXEC)
        except OSError:  # being made or removed at this moment
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(folder)
        except OSError:
            continue
        finally:
            os.close(lock)


def _remove(folder: str) -> None:
    """Remove a folder of files, its lock last."""
    names = sorted(os.listdir(folder), key=lambda name: name == ".lock")
    for name in names:
        try:
            os.unlink(f"{folder}/{name}")
        except FileNotFoundError:
            continue
    os.rmdir(folder)
