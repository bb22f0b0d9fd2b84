"""What a package storage can do."""

from __future__ import annotations

from flamepy.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import BinaryIO, Protocol

    from flamepy.packaging.manifest import Manifest

    Progress = Callable[[int, int], None]
else:
    Protocol = object  # its import is paid by every start

SUFFIX = ".tar.gz"


class StoredPackage(Record):
    """A package in a storage.

    Attributes:
        name: The runner's name.
        url: Where its archive lies.
        size: Bytes of the archive; None if the storage does not say.
        modified: When it was stored, in seconds since 1970; None if the storage does not say.
        manifest: What is in it; None if another program built it, or in a listing.
    """

    name: str
    url: str
    size: int | None = None
    modified: float | None = None
    manifest: Manifest | None = None


class Storage(Protocol):
    """A place for packages, one archive per name. Every method raises `flamepy.StorageError` when it cannot do it."""

    url: str

    def url_of(self, name: str) -> str:
        """Return the URL that an executor fetches a package from."""

    def find(self, name: str) -> StoredPackage | None:
        """Look a package up; reads no more of it than its first kilobytes."""

    def upload(
        self, name: str, stream: BinaryIO, size: int, *, overwrite: bool = False, progress: Progress | None = None
    ) -> bool:
        """Store an archive, all of it or nothing: nobody ever finds a part of one.

        Args:
            name: The runner's name.
            stream: The archive, at its beginning.
            size: Its bytes.
            overwrite: Replace a package of the same name.
            progress: Called with the bytes sent so far and their total.

        Returns:
            False if a package of that name was there already, perhaps since a moment ago, and was left as it is.
        """

    def download(self, name: str, target: str | Path, *, progress: Progress | None = None) -> None:
        """Copy an archive into a local file."""

    def local_path(self, name: str) -> str | None:
        """Return the archive's file if the storage is a folder that this machine sees."""

    def delete(self, name: str) -> bool:
        """Remove a package; False if there was none."""

    def list(self) -> Iterator[StoredPackage]:
        """Yield the packages of this storage, by name."""
