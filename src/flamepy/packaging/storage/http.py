"""Packages on a web server that takes PUT, GET, HEAD and DELETE, such as WebDAV, nginx, Artifactory or Nexus.

Standard library only: fsspec's HTTP files need aiohttp, upload by POST or PUT without a length, and cannot delete.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from flamepy.errors import StorageError
from flamepy.packaging.manifest import HEAD_BYTES, parse_head
from flamepy.packaging.storage.base import SUFFIX, StoredPackage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from http.client import HTTPResponse
    from pathlib import Path

    Progress = Callable[[int, int], None]

_CHUNK = 1 << 18
_TIMEOUT_S = 60.0
_ADVICE = {
    401: "the server asks for a login: put it into the storage URL, https://user:password@host/path",
    403: "the server forbids it: check the login in the storage URL and the server's permissions",
    404: "the server has no such folder: correct the storage URL or make the folder",
    405: "the server does not take this method: switch on PUT and DELETE (WebDAV) there",
    409: "the server has no such folder: correct the storage URL or make the folder",
    413: "the server takes no upload of this size: raise its limit",
    507: "the server's disk is full",
}


class HttpStorage:
    """A folder on a web server.

    A new package is sent with ``If-None-Match: *``, so that of two that store the same name at the same moment one is
    refused; servers that ignore it keep the last. Proxies are taken from the environment as urllib does.

    Args:
        url: ``https://host/path``, with ``user:password@`` if the server asks for a login.

    Example:
        >>> HttpStorage("https://example.org/packages").url_of("test")
        'https://example.org/packages/test.tar.gz'
    """

    def __init__(self, url: str) -> None:
        """See the class."""
        parts = urlsplit(url.rstrip("/"))
        self._login = None
        if parts.username is not None:
            self._login = (unquote(parts.username), unquote(parts.password or ""))
        host = parts.netloc.rpartition("@")[2]
        self.url = urlunsplit((parts.scheme, host, parts.path, "", ""))

    def url_of(self, name: str) -> str:
        """Return the archive's URL, without the login."""
        return f"{self.url}/{quote(name)}{SUFFIX}"

    def local_path(self, name: str) -> str | None:
        """Return None: nothing on a web server is on this machine."""
        return None

    def find(self, name: str) -> StoredPackage | None:
        """Look a package up with one GET of its first bytes."""
        try:
            with self._request("GET", name, headers={"Range": f"bytes=0-{HEAD_BYTES - 1}"}) as response:
                head = response.read(HEAD_BYTES)
                whole = response.headers.get("Content-Range", "").rpartition("/")[2]
                size = whole if response.status == 206 else response.headers.get("Content-Length", "")
                modified = response.headers.get("Last-Modified")
        except StorageError as error:
            if error.__dict__.get("status") == 404:
                return None
            raise
        return StoredPackage(
            name=name,
            url=self.url_of(name),
            size=int(size) if size.isdigit() else None,
            modified=_timestamp(modified),
            manifest=parse_head(head),
        )

    def upload(
        self, name: str, stream: BinaryIO, size: int, *, overwrite: bool = False, progress: Progress | None = None
    ) -> bool:
        """Send the archive with one PUT."""
        headers = {"Content-Length": str(size), "Content-Type": "application/gzip"}
        if not overwrite:
            if self._exists(name):
                return False
            headers["If-None-Match"] = "*"
        try:
            with self._request("PUT", name, headers=headers, body=_Body(stream, size, progress)) as response:
                response.read()
        except StorageError as error:
            status = error.__dict__.get("status")
            # A server that refuses early may hang up before it has read the body, so that its answer is lost.
            if status == 412 or (status is None and not overwrite and self._exists(name)):
                return False
            raise
        return True

    def download(self, name: str, target: str | Path, *, progress: Progress | None = None) -> None:
        """Fetch the archive with one GET."""
        with self._request("GET", name) as response, open(target, "wb") as out:
            length = response.headers.get("Content-Length", "")
            size = int(length) if length.isdigit() else 0
            done = 0
            while chunk := response.read(_CHUNK):
                out.write(chunk)
                done += len(chunk)
                if progress is not None:
                    progress(done, max(size, done))
            if done < size:
                raise StorageError(f"GET {self.url_of(name)}: the server sent {done} of {size} bytes", url=self.url)

    def delete(self, name: str) -> bool:
        """Remove the archive with one DELETE."""
        try:
            with self._request("DELETE", name) as response:
                response.read()
        except StorageError as error:
            if error.__dict__.get("status") == 404:
                return False
            raise
        return True

    def list(self) -> Iterator[StoredPackage]:
        """Refuse: HTTP has no way to list a folder."""
        raise StorageError(f"{self.url} cannot be listed: HTTP has no way to do that", url=self.url)

    def _exists(self, name: str) -> bool:
        try:
            with self._request("HEAD", name):
                return True
        except StorageError as error:
            if error.__dict__.get("status") == 404:
                return False
            raise

    @contextmanager
    def _request(
        self, method: str, name: str, *, headers: dict[str, str] | None = None, body: _Body | None = None
    ) -> Iterator[HTTPResponse]:
        from http.client import HTTPException
        from urllib.error import HTTPError
        from urllib.request import Request, urlopen

        url = self.url_of(name)
        data: Any = body
        request = Request(url, data=data, method=method, headers={"User-Agent": "flamepy", **(headers or {})})
        if self._login is not None:
            request.add_unredirected_header("Authorization", _basic(*self._login))
        try:
            with urlopen(request, timeout=_TIMEOUT_S) as response:
                yield response
        except HTTPError as error:
            error.close()
            advice = _ADVICE.get(error.code, error.reason)
            raise StorageError(f"{method} {url}: {error.code}, {advice}", url=self.url, status=error.code) from error
        except (OSError, HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            raise StorageError(f"{method} {url} failed: {reason}", url=self.url) from error


class _Body:
    """An upload that tells how far it is."""

    def __init__(self, stream: BinaryIO, size: int, progress: Progress | None) -> None:
        self._stream = stream
        self._size = size
        self._progress = progress
        self._done = 0

    def read(self, size: int = -1) -> bytes:
        chunk = self._stream.read(min(size, _CHUNK) if size >= 0 else _CHUNK)
        self._done += len(chunk)
        if self._progress is not None and chunk:
            self._progress(self._done, self._size)
        return chunk


def _basic(user: str, password: str) -> str:
    from base64 import b64encode

    return "Basic " + b64encode(f"{user}:{password}".encode()).decode("ascii")


def _timestamp(text: str | None) -> float | None:
    from email.utils import parsedate_to_datetime

    try:
        return parsedate_to_datetime(text).timestamp() if text else None
    except ValueError:
        return None
