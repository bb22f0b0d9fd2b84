"""Fetch an application's package and unpack it."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
import urllib.request
import zipfile
from typing import IO, TYPE_CHECKING, cast
from urllib.parse import unquote, urlsplit

from flamepy.errors import EngineError, FlameError

if TYPE_CHECKING:
    from pathlib import Path

TIMEOUT_SECONDS = 300
ARCHIVES = (".tar.gz", ".tgz", ".zip")


def fetch(url: str, target: Path, *, token: str | None = None, ca_file: Path | None = None) -> str:
    """Bring a package here.

    Args:
        url: ``file://``, ``http(s)://`` or ``grpc(s)://``, the last for an object of a cache.
        target: The file to write.
        token: For a cache.
        ca_file: Likewise.

    Returns:
        Hex digest (SHA-256) of its bytes.

    Raises:
        EngineError: It is not there, or its scheme is unknown.
    """
    scheme = urlsplit(url).scheme.lower()
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with target.open("wb") as file:
            if scheme == "file":
                _copy(unquote(urlsplit(url).path), file)
            elif scheme in {"http", "https"}:
                _get(url, file)
            elif scheme in {"grpc", "grpcs", "grpc+tls"}:
                _flight(url, file, token, ca_file)
            else:
                raise EngineError(f"{url}: packages come by file://, http(s):// or grpc(s)://")
    except (OSError, ValueError, FlameError) as error:
        target.unlink(missing_ok=True)
        raise EngineError(f"cannot fetch the package {url}: {error}") from error
    with target.open("rb") as file:
        return _digest(file)


def unpack(archive: Path, name: str, target: Path) -> None:
    """Unpack an archive; nothing of it leaves ``target``.

    Args:
        archive: The file.
        name: What it was called, for its type.
        target: A folder that is made anew.

    Raises:
        EngineError: It is none of the known types, is broken, or would write elsewhere.
    """
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    try:
        if name.endswith(".zip"):
            _unzip(archive, target)
        elif name.endswith(ARCHIVES):
            with tarfile.open(archive, "r:gz") as tar:
                tar.extractall(target, filter="data")
        else:
            raise EngineError(f"{name}: a package must be one of {', '.join(ARCHIVES)}")
    except (OSError, EOFError, tarfile.TarError, zipfile.BadZipFile, ValueError) as error:
        raise EngineError(f"{name}: cannot be unpacked: {error}") from error


def _copy(path: str, file: IO[bytes]) -> None:
    with open(path, "rb") as source:
        shutil.copyfileobj(source, file, 1 << 20)


def _get(url: str, file: IO[bytes]) -> None:
    request = urllib.request.Request(url, headers={"User-Agent": "flamepy"})
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
        shutil.copyfileobj(cast("IO[bytes]", answer), file, 1 << 20)


def _flight(url: str, file: IO[bytes], token: str | None, ca_file: Path | None) -> None:
    from flamepy.wire.cache import CacheClient

    parts = urlsplit(url)
    client = CacheClient(f"{parts.scheme}://{parts.netloc}", token=token, ca_file=ca_file, timeout=TIMEOUT_SECONDS)
    try:
        client.download(parts.path.strip("/"), file)  # type: ignore[arg-type]
    finally:
        client.close()


def _unzip(archive: Path, target: Path) -> None:
    with zipfile.ZipFile(archive) as file:
        for member in file.infolist():
            path = file.extract(member, target)
            if mode := member.external_attr >> 16 & 0o777:
                (target / path).chmod(mode)


def _digest(file: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(1 << 20):
        digest.update(chunk)
    return digest.hexdigest()
