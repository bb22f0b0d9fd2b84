"""The URL's scheme picks the storage."""

from __future__ import annotations

from flamepy.errors import ConfigError, StorageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from flamepy.packaging.storage.base import Storage

_EXTRAS = {"s3": "s3", "s3a": "s3"}


def open_storage(url: str, *, token: str | None = None, ca_file: Path | None = None) -> Storage:
    """Return the storage for a URL; nothing is connected or made yet.

    Args:
        url: ``file:///folder``, ``http(s)://host/path``, ``s3://bucket/prefix``, ``grpc(s)://host:port`` for a Flame
            cluster's object cache, or any URL that fsspec knows.
        token: For an object cache, what it wants to be shown.
        ca_file: For an object cache, the certificates that its own is checked against.

    Raises:
        ConfigError: Nothing knows the scheme.
        StorageError: The scheme needs a package that is not installed, or its settings are wrong.

    Example:
        >>> open_storage("file:///opt/example").url
        'file:///opt/example'
    """
    scheme = url.partition("://")[0].lower()
    if scheme == "file":
        from flamepy.packaging.storage.file import FileStorage

        return FileStorage(url)
    if scheme in {"http", "https"}:
        from flamepy.packaging.storage.http import HttpStorage

        return HttpStorage(url)
    if scheme in {"grpc", "grpcs", "grpc+tls"}:
        from flamepy.packaging.storage.cache import CacheStorage

        return CacheStorage(url, token=token, ca_file=ca_file)
    return _remote(url, scheme)


def _remote(url: str, scheme: str) -> Storage:
    from fsspec.core import url_to_fs
    from fsspec.registry import known_implementations, registry

    from flamepy.packaging.storage.remote import RemoteStorage

    if scheme not in known_implementations and scheme not in registry:
        raise ConfigError(
            f"storage {url!r} has the unknown scheme {scheme!r}; known are file://, http://, https://, s3://, grpc:// "
            "and whatever fsspec knows (gs://, az://, sftp://, …)"
        )
    try:
        filesystem, _ = url_to_fs(url)
    except ImportError as error:
        wish = f'pip install "flamepy[{_EXTRAS[scheme]}]"' if scheme in _EXTRAS else str(error)
        raise StorageError(f"storage {url!r} needs a package that is not installed: {wish}", url=url) from error
    except (OSError, ValueError, TypeError) as error:
        raise StorageError(f"storage {url!r} cannot be opened: {error}", url=url) from error
    return RemoteStorage(url, filesystem)
