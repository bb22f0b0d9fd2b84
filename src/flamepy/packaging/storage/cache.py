"""Packages in a Flame cluster's object cache, where its executors look for them.

A package is the object ``<name>/pkg/<name>.tar.gz``. The cache hands out whole objects only, so that a second, small
object beside it, ``<name>.head``, says what is in the package and of which version of it.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from flamepy.errors import EngineError, FlameError, StorageError
from flamepy.packaging.manifest import HEAD_BYTES, parse_head
from flamepy.packaging.storage.base import SUFFIX, StoredPackage
from flamepy.wire.bson import decode_document, encode_document
from flamepy.wire.cache import CacheClient
from flamepy.wire.objects import HEAD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from flamepy.wire.rows import Fetched

    Progress = Callable[[int, int], None]

_FOLDER = "pkg"
_TEXT = "latin-1"  # one character for each byte


class CacheStorage:
    """The packages of a cluster's object cache.

    The protocol has no way to store an object only if there is none: of two that store the same name at the same
    moment, the last wins.

    Args:
        url: ``grpc://host:port``, or ``grpcs://host:port`` for TLS.
        token: Sent as a bearer token.
        ca_file: Certificates that the cache's own is checked against; None for the system's.

    Example:
        >>> CacheStorage("grpc://flame:9090").url_of("test")
        'grpc://flame:9090/test/pkg/test.tar.gz'
    """

    def __init__(self, url: str, *, token: str | None = None, ca_file: Path | None = None) -> None:
        """See the class."""
        self.url = url.rstrip("/")
        self._client = CacheClient(self.url, token=token, ca_file=ca_file)

    def url_of(self, name: str) -> str:
        """Return the archive's URL."""
        return f"{self.url}/{_key(name)}"

    def local_path(self, name: str) -> str | None:
        """Return None: what a cache holds is not on this machine."""
        return None

    def find(self, name: str) -> StoredPackage | None:
        """Look a package up, without fetching it if it was stored by this class."""
        with self._errors("read", name):
            noted = self._noted(name)
            try:
                fetched = self._client.get(_key(name), have=int(noted["version"]))
            except EngineError as error:
                if getattr(error, "status", None) == "NOT_FOUND":
                    return None
                raise
        if fetched is None:
            size, head = int(noted["size"]), str(noted["head"]).encode(_TEXT)
        else:
            data = _bytes_of(fetched)
            size, head = len(data), bytes(data[:HEAD_BYTES])
        return StoredPackage(name=name, url=self.url_of(name), size=size, manifest=parse_head(head))

    def upload(
        self, name: str, stream: BinaryIO, size: int, *, overwrite: bool = False, progress: Progress | None = None
    ) -> bool:
        """Send the archive in one call, a megabyte at a time."""
        if not overwrite and self.find(name) is not None:
            return False
        with self._errors("store", name):
            head = stream.read(HEAD_BYTES)
            stream.seek(0)
            ref = self._client.upload(_key(name), stream, size, progress=progress)
            note = encode_document({"version": ref.version, "size": size, "head": head.decode(_TEXT)})
            self._client.put(_key(name) + HEAD, note)
        return True

    def download(self, name: str, target: str | Path, *, progress: Progress | None = None) -> None:
        """Fetch the archive."""
        with self._errors("fetch", name), open(target, "wb") as out:
            self._client.download(_key(name), out, progress=progress)

    def delete(self, name: str) -> bool:
        """Remove the archive."""
        if self.find(name) is None:
            return False
        with self._errors("delete", name):
            self._client.delete(_key(name) + HEAD)
            self._client.delete(_key(name))
        return True

    def list(self) -> Iterator[StoredPackage]:
        """Yield the packages of the cache."""
        with self._errors("list", ""):
            sizes = self._client.sizes()
        for key, size in sorted(sizes):
            name = key.partition("/")[0]
            if key == _key(name):
                yield StoredPackage(name=name, url=self.url_of(name), size=size)

    def _noted(self, name: str) -> dict[str, str | int]:
        """What was said about the package when it was stored."""
        try:
            return decode_document(bytes(self._client.read(_key(name) + HEAD)))
        except (EngineError, ValueError) as error:
            if getattr(error, "status", "NOT_FOUND") != "NOT_FOUND":
                raise
            return {"version": 0}

    @contextmanager
    def _errors(self, what: str, name: str) -> Iterator[None]:
        where = self.url_of(name) if name else self.url
        try:
            yield
        except (FlameError, OSError, ValueError) as error:
            raise StorageError(f"cannot {what} {where}: {error}", url=self.url) from error


def _key(name: str) -> str:
    return f"{name}/{_FOLDER}/{name}{SUFFIX}"


def _bytes_of(fetched: Fetched) -> memoryview:
    if fetched.data is None:
        raise EngineError("the object is no package")
    return fetched.data
