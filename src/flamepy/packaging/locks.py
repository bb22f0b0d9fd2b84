"""A lock among the processes of this machine; held by whoever works on a file or folder that others may want too."""

from __future__ import annotations

import os
from contextlib import contextmanager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def locked(path: str | os.PathLike[str]) -> Iterator[None]:
    """Hold the lock of a file, which is made if it is missing and stays; wait for it as long as it takes.

    Args:
        path: The file; it holds nothing.

    Raises:
        OSError: It cannot be made.

    Example:
        >>> with locked("/tmp/flame/environments/4711.lock"):  # doctest: +SKIP
        ...     print("nobody else is in here")
    """
    import fcntl

    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
