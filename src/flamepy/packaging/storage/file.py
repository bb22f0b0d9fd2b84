"""Packages in a folder, usually one that all machines share. Standard library only, since every start uses it."""

from __future__ import annotations

import errno
import os

from flamepy.errors import StorageError
from flamepy.packaging.manifest import HEAD_BYTES, parse_head
from flamepy.packaging.storage.base import SUFFIX, StoredPackage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import BinaryIO, NoReturn

    Progress = Callable[[int, int], None]

_CHUNK = 1 << 20
_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~/")
_ADVICE = {
    errno.ENOSPC: "the file system is full: free some space or choose another storage",
    errno.EDQUOT: "the disk quota is used up: free some space or choose another storage",
    errno.EFBIG: "the file is larger than this process or file system allows",
    errno.EACCES: "no permission: correct the folder's mode or owner, or choose another storage",
    errno.EPERM: "not permitted: correct the folder's mode or owner, or choose another storage",
    errno.EROFS: "the file system is read-only: choose another storage",
    errno.ENOTDIR: "part of the path is a file, not a folder: correct the storage URL",
    errno.EEXIST: "part of the path is a file, not a folder: correct the storage URL",
}


class FileStorage:
    """A folder of archives.

    Args:
        url: ``file:///absolute/folder``; the folder is made when the first package is stored.

    Example:
        >>> FileStorage("file:///opt/example").url_of("test")
        'file:///opt/example/test.tar.gz'
    """

    def __init__(self, url: str) -> None:
        """See the class."""
        self.folder = os.path.normpath(_unquoted(url.removeprefix("file://")))
        self.url = file_url(self.folder)

    def url_of(self, name: str) -> str:
        """Return the archive's ``file://`` URL."""
        return f"{self.url}/{name}{SUFFIX}"

    def local_path(self, name: str) -> str:
        """Return the archive's path."""
        return f"{self.folder}/{name}{SUFFIX}"

    def find(self, name: str) -> StoredPackage | None:
        """Look a package up."""
        path = self.local_path(name)
        try:
            with open(path, "rb") as stream:
                status = os.fstat(stream.fileno())
                manifest = parse_head(stream.read(HEAD_BYTES))
        except FileNotFoundError:
            return None
        except OSError as error:
            self._fail("cannot read", path, error)
        return StoredPackage(
            name=name, url=self.url_of(name), size=status.st_size, modified=status.st_mtime, manifest=manifest
        )

    def upload(
        self, name: str, stream: BinaryIO, size: int, *, overwrite: bool = False, progress: Progress | None = None
    ) -> bool:
        """Write a temporary file and give it its name in one step.

        A hard link is what the name is given by, since it fails if the name is taken; where links cannot be made, the
        file is renamed and the last of two that store at the same moment wins.
        """
        path = self.local_path(name)
        if not overwrite and os.path.exists(path):
            return False
        partial = f"{self.folder}/.{name}.{os.getpid()}.{os.urandom(6).hex()}.partial"
        try:
            os.makedirs(self.folder, exist_ok=True)
            with open(partial, "xb", buffering=0) as target:
                _copy(stream, target, size, progress)
            return _publish(partial, path, overwrite=overwrite)
        except OSError as error:
            self._fail("cannot store", path, error)
        finally:
            try:
                os.unlink(partial)
            except OSError:  # it was not even made
                pass

    def download(self, name: str, target: str | Path, *, progress: Progress | None = None) -> None:
        """Copy the archive."""
        path = self.local_path(name)
        try:
            with open(path, "rb") as source, open(target, "wb", buffering=0) as out:
                _copy(source, out, os.fstat(source.fileno()).st_size, progress)
        except OSError as error:
            self._fail("cannot copy", path, error)

    def delete(self, name: str) -> bool:
        """Remove the archive."""
        path = self.local_path(name)
        try:
            os.unlink(path)
        except FileNotFoundError:
            return False
        except OSError as error:
            self._fail("cannot delete", path, error)
        return True

    def list(self) -> Iterator[StoredPackage]:
        """Yield the packages in the folder."""
        try:
            with os.scandir(self.folder) as entries:
                found = sorted((entry for entry in entries if entry.name.endswith(SUFFIX)), key=lambda e: e.name)
        except FileNotFoundError:
            return
        except OSError as error:
            self._fail("cannot list", self.folder, error)
        for entry in found:
            if not entry.name.startswith(".") and entry.is_file():
                name, status = entry.name.removesuffix(SUFFIX), entry.stat()
                yield StoredPackage(name=name, url=self.url_of(name), size=status.st_size, modified=status.st_mtime)

    def _fail(self, what: str, path: str, error: OSError) -> NoReturn:
        advice = _ADVICE.get(error.errno or 0, error.strerror or str(error))
        raise StorageError(f"{what} {path}: {advice}", url=self.url, errno=error.errno) from error


def file_url(path: str) -> str:
    """Return the ``file://`` URL of an absolute path."""
    if not _PLAIN.issuperset(path):
        from urllib.parse import quote  # with ipaddress, two milliseconds of every start

        path = quote(path)
    return f"file://{path}"


def _unquoted(path: str) -> str:
    if "%" in path:
        from urllib.parse import unquote

        path = unquote(path)
    return path


def _copy(source: BinaryIO, target: BinaryIO, size: int, progress: Progress | None) -> None:
    done = 0
    while chunk := source.read(_CHUNK):
        view = memoryview(chunk)
        while view:
            view = view[target.write(view) :]
        done += len(chunk)
        if progress is not None:
            progress(done, size)


def _publish(partial: str, path: str, *, overwrite: bool) -> bool:
    """Give the finished file its name; False if the name is taken."""
    if overwrite:
        os.replace(partial, path)
        return True
    try:
        os.link(partial, path)
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links
        if os.path.exists(path):
            return False
        os.rename(partial, path)
    return True
