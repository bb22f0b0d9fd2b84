"""How Flame names objects: keys, and references that travel in tasks.

A key is ``<application>/<session>/<object>``; its first two parts are a prefix. Sessions named by convention are
``shared`` for objects that several sessions use, and ``pkg`` for packages.
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

from flamepy.errors import ConfigError
from flamepy.wire.bson import decode_document, encode_document

MAX_KEY_BYTES = 1024
DEFAULT_PORT = 9090
ANY_SESSION = "*"
HEAD = ".head"
"""Follows a package's key in the key of what says which package it is, beside it in an object cache."""

_PLAIN = frozenset({"grpc", "grpc+tcp", "http"})
_SECURE = frozenset({"grpcs", "grpc+tls", "https"})
_FIELDS = ["endpoint", "key", "version"]


class ObjectRef(NamedTuple):
    """An object in a cluster's cache.

    Attributes:
        endpoint: The cache that holds it, as it wants to be called: ``grpc://host:port`` or ``grpc+tls://host:port``.
        key: Its key.
        version: 1 for the first; 0 for whichever is current.

    Example:
        >>> ref = ObjectRef("grpc://127.0.0.1:9090", "app/shared/x", 1)
        >>> ObjectRef.decode(ref.encode()) == ref
        True
    """

    endpoint: str
    key: str
    version: int = 0

    def encode(self) -> bytes:
        """Return the BSON document that stands for it in tasks and common data."""
        return encode_document(self._asdict())

    @classmethod
    def decode(cls, data: bytes) -> ObjectRef:
        """Read such a document.

        Raises:
            ValueError: It is none, or one with other fields.
        """
        fields = decode_document(data)
        if sorted(fields) != _FIELDS:
            raise ValueError(f"a reference has the fields {', '.join(_FIELDS)}, not {', '.join(fields)}")
        return cls(str(fields["endpoint"]), str(fields["key"]), int(fields["version"]))


def flight_location(endpoint: str) -> str:
    """Return a cache's endpoint as Arrow Flight writes it: ``grpc://host:port`` or ``grpc+tls://host:port``.

    Raises:
        ConfigError: It has another scheme, or no host.

    Example:
        >>> flight_location("https://cache.example.org")
        'grpc+tls://cache.example.org:9090'
    """
    parts = urlsplit(endpoint)
    try:
        port = DEFAULT_PORT if parts.port is None else parts.port
    except ValueError as error:
        raise ConfigError(f"the object cache's endpoint {endpoint!r} has no valid port") from error
    if parts.scheme not in _PLAIN | _SECURE or not parts.hostname:
        raise ConfigError(f"the object cache's endpoint {endpoint!r} is not grpc://host:port or grpcs://host:port")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{'grpc+tls' if parts.scheme in _SECURE else 'grpc'}://{host}:{port}"


def split_key(key: str) -> tuple[str, str, str]:
    """Check a key and return its three parts.

    Raises:
        ValueError: It has not three parts, or one that a cache refuses.

    Example:
        >>> split_key("app/session/object")
        ('app', 'session', 'object')
    """
    parts = _parts(key)
    if len(parts) != 3 or ANY_SESSION in parts:
        raise ValueError(f"key {_shown(key)} is not <application>/<session>/<object>")
    return parts[0], parts[1], parts[2]


def split_prefix(prefix: str, *, any_session: bool = False) -> tuple[str, str]:
    """Check a prefix and return its two parts.

    Args:
        prefix: ``<application>/<session>``.
        any_session: ``<application>/*`` is meant, too: all sessions of the application.

    Raises:
        ValueError: It has not two parts, or one that a cache refuses.
    """
    parts = _parts(prefix)
    if len(parts) != 2 or parts[0] == ANY_SESSION or (parts[1] == ANY_SESSION and not any_session):
        raise ValueError(f"prefix {_shown(prefix)} is not <application>/<session>")
    return parts[0], parts[1]


def is_prefix(key: str) -> bool:
    """Whether a text has the two parts of a prefix rather than the three of a key."""
    return key.count("/") == 1


def _parts(text: str) -> list[str]:
    if len(text) > MAX_KEY_BYTES or len(text.encode("utf-8", "surrogatepass")) > MAX_KEY_BYTES:
        raise ValueError(f"key {_shown(text)} has more than {MAX_KEY_BYTES} bytes")
    if ".." in text or "\\" in text or not text.isprintable():
        raise ValueError(f"key {_shown(text)} holds '..', a backslash or a control character")
    parts = text.split("/")
    if not all(parts):
        raise ValueError(f"key {_shown(text)} has an empty part")
    return parts


def _shown(text: str) -> str:
    return repr(text if len(text) <= 100 else text[:97] + "...")
