"""SHA-256 without OpenSSL for small input: loading it costs 2.5 ms at every start, hashing 1 MiB without it 4 ms."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Protocol
else:
    Protocol = object  # its import is paid by every start

SMALL = 1 << 20
CHUNK = 1 << 20


class Digest(Protocol):
    """What hashlib's objects offer."""

    def update(self, data: bytes, /) -> None:
        """Take in more bytes."""

    def hexdigest(self) -> str:
        """Return the digest of all bytes so far."""


def new_sha256(size: int) -> Digest:
    """Return a SHA-256 object that suits about ``size`` bytes of input."""
    if size <= SMALL:
        try:
            from _sha2 import sha256  # type: ignore[import-not-found, unused-ignore] # Python 3.12 and later
        except ImportError:
            try:
                from _sha256 import sha256  # type: ignore[import-not-found, no-redef, unused-ignore]
            except ImportError:
                from hashlib import sha256
    else:
        from hashlib import sha256
    digest: Digest = sha256()
    return digest


def sha256_of(path: str | Path) -> str:
    """Return the hex digest of a file.

    Raises:
        OSError: The file cannot be read.
    """
    with open(path, "rb") as stream:
        digest = new_sha256(os.fstat(stream.fileno()).st_size)
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
