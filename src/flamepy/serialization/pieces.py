"""Segments as they travel: read and written in pieces, by name, on machines that share no memory."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def write_piece(folder: str, name: str, capacity: int, offset: int, data: bytes | memoryview) -> None:
    """Take in a part of a segment.

    Args:
        folder: Where it is to be.
        name: Its file name.
        capacity: Bytes of all of it; the first piece makes room for them.
        offset: Where this part begins; 0 is the first piece.
        data: The part.

    Raises:
        OSError: There is no room.
    """
    file = os.open(f"{folder}/{name}", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if offset == 0:
            os.ftruncate(file, capacity)
        view = memoryview(data)
        while view:
            written = os.pwrite(file, view, offset)
            view, offset = view[written:], offset + written
    finally:
        os.close(file)


def read_piece(folders: Sequence[str], name: str, offset: int, size: int) -> bytes:
    """Return a part of a segment.

    Args:
        folders: Where it may be, in this order; one that is on its way from memory to disk is looked for twice.
        name: Its file name.
        offset: Where the part begins.
        size: Its bytes.

    Raises:
        FileNotFoundError: It is gone.
    """
    for folder in folders:
        try:
            file = os.open(f"{folder}/{name}", os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            return os.pread(file, size, offset)
        finally:
            os.close(file)
    raise FileNotFoundError(f"the object {name} is gone")


def remove_segment(folder: str, name: str) -> None:
    """Remove a segment, if it is there."""
    try:
        os.unlink(f"{folder}/{name}")
    except OSError:
        return
