"""Check the URLs of a context and bring them into one form."""

from __future__ import annotations

import os

from flamepy.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

LOCAL = "local://"
ENVIRONMENTS = ("current", "uv")
ENDPOINT_SCHEMES = ("local", "http", "https", "grpc", "grpcs", "ray")
CACHE_SCHEMES = ("http", "https", "grpc", "grpcs", "grpc+tls")
CACHE_PORT = 9090
# Schemes that need no host after the two slashes.
_HOSTLESS = ("local", "ray")


def nearest(word: str, known: tuple[str, ...] | list[str]) -> str:
    """Return `` (did you mean 'x'?)``, or an empty string if nothing is close."""
    from difflib import get_close_matches

    close = get_close_matches(word, known, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def check_endpoint(value: str) -> str:
    """Return the endpoint in its usual form, ``ray`` as ``ray://``.

    Raises:
        ConfigError: It has no scheme, one that no engine serves, or no host.
    """
    return _check(value, ENDPOINT_SCHEMES, "endpoint")


def check_cache(value: str) -> str:
    """Return the object cache's URL.

    Raises:
        ConfigError: It has no scheme, an unknown one, or no host.
    """
    return _check(value, CACHE_SCHEMES, "cache")


def cache_url(url: str, port: int | None = None) -> str:
    """Return an object cache's URL as ``grpc://host:port`` or ``grpcs://host:port``.

    Args:
        url: The cache's, or that of a service beside it.
        port: The cache's, if the URL is of another service; None to take the URL's, 9090 if it names none.

    Example:
        >>> cache_url("https://flame:8080", port=9090)
        'grpcs://flame:9090'
    """
    scheme, _, rest = url.partition("://")
    host = rest.partition("/")[0].rpartition("@")[2]
    name, colon, own = host.rpartition(":")
    if not colon or host.endswith("]"):
        name, own = host, str(CACHE_PORT)
    secure = scheme in {"https", "grpcs", "grpc+tls"}
    return f"{'grpcs' if secure else 'grpc'}://{name}:{port or own}"


def _check(value: str, schemes: tuple[str, ...], what: str) -> str:
    scheme, separator, rest = value.strip().partition("://")
    rest = rest.rstrip("/")
    if scheme in _HOSTLESS and scheme in schemes and not rest:
        return f"{scheme}://"
    known = ", ".join(f"{name}://" for name in schemes)
    if not separator:
        raise ConfigError(f"{what} {value!r} has no scheme: write one of {known} before it{nearest(scheme, schemes)}")
    if scheme.lower() not in schemes:
        hint = nearest(scheme.lower(), schemes)
        raise ConfigError(f"{what} {value!r} has the unknown scheme {scheme!r}{hint}; known are {known}")
    if scheme.lower() not in _HOSTLESS and not rest.partition("/")[0].rpartition("@")[2].partition(":")[0]:
        raise ConfigError(f"{what} {value!r} names no host: write {scheme}://host:port")
    return f"{scheme.lower()}://{rest}"


def check_storage(value: str, base: Path | None = None) -> str:
    """Return the storage URL; ``file://`` ones become absolute.

    ``file://./x`` and ``file://../x`` are relative to the flame.yaml that holds them (to the working directory if
    given in code), ``file://~/x`` is in the home directory. Whether a scheme is known is decided when the storage is
    opened, since optional packages add schemes.

    Args:
        value: What the user wrote.
        base: The folder that relative paths start from; None for the working directory.

    Raises:
        ConfigError: It is no URL, or a ``file://`` URL that names a host.
    """
    scheme, separator, rest = value.strip().partition("://")
    if not separator:
        wish = os.path.join(os.getcwd(), os.path.expanduser(value))
        raise ConfigError(f"storage {value!r} is not a URL: for a folder write 'file://{wish}'")
    if scheme.lower() != "file":
        return f"{scheme.lower()}://{rest}"
    from urllib.parse import quote, unquote

    return "file://" + quote(_absolute(unquote(rest), value, base))


def _absolute(path: str, value: str, base: Path | None) -> str:
    head = path.partition("/")[0]
    if head == "localhost":
        path = path.removeprefix("localhost")
    elif head.startswith("~"):
        path = os.path.expanduser(path)
    elif head in {".", ".."}:
        path = os.path.join(base or os.getcwd(), path)
    if not path.startswith("/"):
        raise ConfigError(
            f"storage {value!r} is not an absolute path: write 'file:///{path}' for /{path}, "
            f"or 'file://./{path}' for a folder beside flame.yaml"
        )
    return os.path.normpath(path)
