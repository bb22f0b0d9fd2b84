"""Where flamepy keeps files of its own for this user."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def user_cache() -> Path:
    """Return the per-user cache folder, which may not exist yet: ``$XDG_CACHE_HOME/flamepy`` on Linux."""
    if sys.platform == "linux":  # what platformdirs says, without its import (5 ms at every start)
        base = os.environ.get("XDG_CACHE_HOME", "")
        cache = Path(base if base.startswith("/") else os.path.expanduser("~/.cache")) / "flamepy"
    else:
        from platformdirs import user_cache_path

        cache = user_cache_path("flamepy")
    return cache


class PrivateFolder:
    """A folder of one process that the next one removes if this one could not.

    Its lock file stays locked as long as the process lives, whatever ends it.

    Args:
        parent: Where such folders lie; made if missing, for this user only.

    Example:
        >>> folder = PrivateFolder(user_cache() / "packages")  # doctest: +SKIP
    """

    def __init__(self, parent: Path) -> None:
        """See the class."""
        import fcntl

        parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _reclaim(parent)
        name = f"{os.getpid()}-{os.urandom(6).hex()}"
        # Hidden until it is locked: another process that reclaims must not take it for an abandoned one.
        hidden = parent / f".{name}"
        hidden.mkdir(mode=0o700)
        self._lock = os.open(hidden / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self.path = parent / name
        hidden.rename(self.path)

    def close(self) -> None:
        """Remove the folder with all that is in it; idempotent."""
        if self._lock >= 0:
            _remove(self.path)
            os.close(self._lock)
            self._lock = -1


def _reclaim(parent: Path) -> None:
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
            _remove(Path(folder))
        except OSError:
            continue
        finally:
            os.close(lock)


def _remove(folder: Path) -> None:
    """Remove a folder of files, its lock last."""
    names = sorted(os.listdir(folder), key=lambda name: name == ".lock")
    for name in names:
        (folder / name).unlink(missing_ok=True)
    folder.rmdir()
