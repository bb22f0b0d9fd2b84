"""Packages wherever fsspec reaches: S3 and other object stores, SFTP, HDFS and more.

Object stores put an object in one step and, asked to, only if there is none. Elsewhere a temporary name is written
first and then renamed.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

from flamepy.errors import FlameError, StorageError
from flamepy.packaging.manifest import HEAD_BYTES, parse_head
from flamepy.packaging.storage.base import SUFFIX, StoredPackage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Progress = Callable[[int, int], None]

_CHUNK = 1 << 20
_OBJECT_STORES = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oss", "obs", "tos"})


class RemoteStorage:
    """A folder or a bucket's prefix on an fsspec file system.

    Logins and endpoints come from where each file system's own tools take them; for S3 these are ``AWS_PROFILE``,
    ``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY``, ``AWS_ENDPOINT_URL`` and the files in ``~/.aws``.

    Args:
        url: ``s3://bucket/prefix``, for example.
        filesystem: The fsspec file system for it.
    """

    def __init__(self, url: str, filesystem: Any) -> None:
        """See the class."""
        self.url = url.rstrip("/")
        self._fs = filesystem
        self._atomic_put = self.url.partition("://")[0] in _OBJECT_STORES
        self._root = filesystem._strip_protocol(self.url)

    def url_of(self, name: str) -> str:
        """Return the archive's URL."""
        return f"{self.url}/{name}{SUFFIX}"

    def local_path(self, name: str) -> str | None:
        """Return None: what fsspec reaches is not on this machine."""
        return None

    def find(self, name: str) -> StoredPackage | None:
        """Look a package up and read its first bytes."""
        path = self._path(name)
        with self._errors("read", name):
            self._fs.invalidate_cache()
            try:
                info = self._fs.info(path)
                head = self._fs.cat_file(path, start=0, end=min(HEAD_BYTES, info["size"] or HEAD_BYTES))
            except FileNotFoundError:
                return None
        return self._stored(name, info, head)

    def upload(
        self, name: str, stream: BinaryIO, size: int, *, overwrite: bool = False, progress: Progress | None = None
    ) -> bool:
        """Store the archive in one step, or under a temporary name first."""
        with self._errors("store", name):
            self._fs.invalidate_cache()
            if not overwrite and self._fs.exists(self._path(name)):
                return False
            if self._atomic_put:
                return self._put(name, stream, size, overwrite=overwrite, progress=progress)
            return self._put_and_rename(name, stream, size, overwrite=overwrite, progress=progress)

    def download(self, name: str, target: str | Path, *, progress: Progress | None = None) -> None:
        """Fetch the archive."""
        with self._errors("fetch", name):
            self._fs.get_file(self._path(name), str(target), callback=_callback(progress))

    def delete(self, name: str) -> bool:
        """Remove the archive."""
        with self._errors("delete", name):
            self._fs.invalidate_cache()
            if not self._fs.exists(self._path(name)):
                return False
            try:
                self._fs.rm_file(self._path(name))
            except FileNotFoundError:
                return False
            return True

    def list(self) -> Iterator[StoredPackage]:
        """Yield the packages of the folder."""
        with self._errors("list", ""):
            self._fs.invalidate_cache()
            try:
                found = self._fs.ls(self._root, detail=True)
            except FileNotFoundError:
                return
        for info in sorted(found, key=lambda info: str(info["name"])):
            name = info["name"].rpartition("/")[2]
            if name.endswith(SUFFIX) and not name.startswith(".") and info["type"] == "file":
                yield self._stored(name.removesuffix(SUFFIX), info, None)

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}{SUFFIX}"

    def _stored(self, name: str, info: dict[str, Any], head: bytes | None) -> StoredPackage:
        changed: Any = info.get("LastModified") or info.get("mtime") or info.get("last_modified") or info.get("created")
        return StoredPackage(
            name=name,
            url=self.url_of(name),
            size=info.get("size"),
            modified=changed.timestamp() if hasattr(changed, "timestamp") else changed,
            manifest=None if head is None else parse_head(head),
        )

    def _put(self, name: str, stream: BinaryIO, size: int, *, overwrite: bool, progress: Progress | None) -> bool:
        with _as_file(stream) as source:
            mode = "overwrite" if overwrite else "create"
            try:
                self._fs.put_file(source, self._path(name), callback=_callback(progress), mode=mode)
            except FileExistsError:
                return False
        if progress is not None:
            progress(size, size)
        return True

    def _put_and_rename(
        self, name: str, stream: BinaryIO, size: int, *, overwrite: bool, progress: Progress | None
    ) -> bool:
        import os

        partial = f"{self._root}/.{name}.{os.getpid()}.{os.urandom(6).hex()}.partial"
        self._fs.makedirs(self._root, exist_ok=True)
        try:
            with self._fs.open(partial, "wb") as target:
                done = 0
                while chunk := stream.read(_CHUNK):
                    target.write(chunk)
                    done += len(chunk)
                    if progress is not None:
                        progress(done, size)
            if not overwrite and self._fs.exists(self._path(name)):
                return False
            self._fs.mv(partial, self._path(name))
            return True
        finally:
            if self._fs.exists(partial):
                self._fs.rm_file(partial)

    @contextmanager
    def _errors(self, what: str, name: str) -> Iterator[None]:
        where = self.url_of(name) if name else self.url
        try:
            yield
        except FlameError:
            raise
        except Exception as error:  # every file system raises its own kinds
            reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            raise StorageError(
                f"cannot {what} {where}: {reason}. Check the storage URL, the login and the endpoint", url=self.url
            ) from error


@contextmanager
def _as_file(stream: BinaryIO) -> Iterator[str]:
    """Give the stream a file name, which is what fsspec uploads."""
    import shutil
    import tempfile

    with tempfile.NamedTemporaryFile(prefix="flamepy-", suffix=SUFFIX) as file:
        shutil.copyfileobj(stream, file, _CHUNK)
        file.flush()
        yield file.name


def _callback(progress: Progress | None) -> Any:
    from fsspec.callbacks import Callback

    if progress is None:
        return Callback()

    def hook(size: int | None, value: int, **_: object) -> None:
        if size:
            progress(min(value, size), size)

    return Callback(hooks={"progress": hook})
