"""Folders that are ours alone, locks that end with their owner, files that appear whole; on C modules only."""

from __future__ import annotations

import fcntl
import os
import stat

from flamepy.errors import EngineError

RUNTIME_VARIABLE = "FLAMEPY_RUNTIME_DIR"
STATE_VARIABLE = "FLAMEPY_STATE_DIR"


def private_folder(path: str) -> str:
    """Make the folder with mode 0700 if need be, and verify that it is ours alone.

    Args:
        path: Absolute; missing parents are made too.

    Returns:
        The path.

    Raises:
        EngineError: It belongs to somebody else, is a link or no folder, or cannot be made.

    Example:
        >>> private_folder("/tmp/flamepy-1000/engines")  # doctest: +SKIP
        '/tmp/flamepy-1000/engines'
    """
    try:
        os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:
            _verify_ours(path)
    except OSError as error:
        raise EngineError(
            f"cannot make the folder {path}: {error.strerror}; name another place with {_VARIABLES}", path=path
        ) from error
    return path


def is_ours(path: str) -> bool:
    """Whether the path is a folder that belongs to this user and can be written."""
    try:
        status = os.stat(path)
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and os.access(path, os.W_OK | os.X_OK)


def lock(path: str) -> int:
    """Lock a file or folder that is there; the lock ends with the process or by `unlock`.

    Returns:
        The descriptor that holds the lock.

    Raises:
        OSError: It cannot be opened, or somebody else holds the lock.
    """
    return _locked(os.open(path, os.O_RDONLY | os.O_CLOEXEC))


def create_locked(path: str) -> int:
    """Create a file, mode 0600, that is locked as soon as others can see it; one that is there is replaced.

    Returns:
        The descriptor that holds the lock, open for appending.

    Raises:
        OSError: It cannot be created.
    """
    hidden = _hidden(path)
    descriptor = _locked(os.open(hidden, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600))
    os.rename(hidden, path)
    return descriptor


def unlock(descriptor: int) -> None:
    """Give a lock of `lock` back and close its descriptor."""
    # A forked child may hold a copy of the descriptor: closing ours alone would leave the lock with it.
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    os.close(descriptor)


def is_locked(path: str) -> bool:
    """Whether a running process holds the lock of the file or folder; False if there is no such thing."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return is_descriptor_locked(descriptor)
    finally:
        os.close(descriptor)


def is_descriptor_locked(descriptor: int) -> bool:
    """Whether somebody holds the lock of an open file; asked through a descriptor of one's own."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return False


def write_atomically(path: str, data: bytes) -> None:
    """Write a small file so that readers see the old or the new one, never a half.

    Raises:
        OSError: It cannot be written.
    """
    temporary = _hidden(path)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
        os.rename(temporary, path)
    except OSError:
        unlink(temporary)
        raise


def unlink(path: str) -> None:
    """Remove a file if it is there and can be removed."""
    try:
        os.unlink(path)
    except OSError:
        return


def remove_tree(path: str) -> None:
    """Remove a folder with all that is in it, as far as that can be done; links are not followed."""
    try:
        for entry in os.scandir(path):
            if entry.is_dir(follow_symlinks=False):
                remove_tree(entry.path)
            else:
                unlink(entry.path)
        os.rmdir(path)
    except OSError:
        return


_VARIABLES = f"{RUNTIME_VARIABLE} or {STATE_VARIABLE}"


def _hidden(path: str) -> str:
    return f"{os.path.dirname(path)}/.{os.path.basename(path)}.{os.getpid()}"


def _locked(descriptor: int) -> int:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _verify_ours(path: str) -> None:
    status = os.lstat(path)
    if not stat.S_ISDIR(status.st_mode):
        raise EngineError(f"{path} is not a folder; remove it or name another place with {_VARIABLES}", path=path)
    if status.st_uid != os.geteuid():
        raise EngineError(
            f"{path} belongs to user {status.st_uid}, not to you (user {os.geteuid()}), so it is not used; "
            f"name another place with {_VARIABLES}",
            path=path,
        )
    if stat.S_IMODE(status.st_mode) & 0o077:
        os.chmod(path, 0o700)
