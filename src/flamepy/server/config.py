"""Read ``flame-cluster.yaml``: what the server is told."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from flamepy.errors import ConfigError
from flamepy.server.records import DEFAULT_NEED, Need

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_ENDPOINT = "http://127.0.0.1:8080"
DEFAULT_CACHE = "grpc://127.0.0.1:9090"
DEFAULT_WEB = "http://127.0.0.1:8082"
DEFAULT_PORT, DEFAULT_CACHE_PORT, DEFAULT_WEB_PORT = 8080, 9090, 8082
LOOPBACK = ("localhost", "127.", "[::1]", "::1")

KEYS = frozenset(
    {
        "cluster.name",
        "cluster.endpoint",
        "cluster.web",
        "cluster.data",
        "cluster.storage",
        "cluster.synchronous",
        "cluster.token",
        "cluster.tls.cert_file",
        "cluster.tls.key_file",
        "cluster.tls.ca_file",
        "cluster.resreq",
        "cluster.resources",
        "cluster.sdk",
        "cluster.limits.max_sessions",
        "cluster.limits.max_executors",
        "cluster.recovery.session.retry_limits",
        "cache.advertise",
        "cache.endpoint",
        "cache.eviction.max_memory",
        "cache.eviction.max_objects",
        "cache.eviction.policy",
    }
)
"""What can be said in the file."""

IGNORED = frozenset(
    {
        "cluster.policies",
        "cluster.schedule_interval",
        "cluster.executors",
        "cluster.pprof",
        "cache.network_interface",
        "cache.storage",
        "cache.tls",
        "cache.pprof",
    }
)
"""What other servers of Flame know, and is not needed here."""

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgtp]?)(?:i?b?)\Z", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}


@dataclass(frozen=True, slots=True)
class Tls:
    """Files of a certificate; ``ca_file`` is told to services."""

    cert_file: Path
    key_file: Path
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that the server is told.

    Attributes:
        name: The cluster's name.
        endpoint: Where the Frontend listens, and what services are told.
        cache: Likewise of the object cache.
        web: Likewise of the web page; None for none.
        data: Where everything is kept.
        kept: Whether sessions and tasks survive the server.
        synchronous: How careful the store is; see `flamepy.server.store.Store`.
        token: What every request must know; None for nothing.
        tls: The certificate; None for plain text.
        need: What an executor takes, if its session does not say.
        capacity: What there is to share out; None for what the machine has.
        max_sessions: Closed sessions beyond so many are forgotten.
        max_executors: Executors at once.
        retry_limit: Executors that cannot be bound, before a session gets no more.
        sdk: The requirement for the SDK that Python services of Flame's own clients import.
        cache_options: The ``cache`` section as it is, for the cache.
    """

    name: str = "flame"
    endpoint: str = DEFAULT_ENDPOINT
    cache: str = DEFAULT_CACHE
    web: str | None = DEFAULT_WEB
    data: Path = Path()
    kept: bool = True
    synchronous: str = "normal"
    token: str | None = field(default=None, repr=False)
    tls: Tls | None = None
    need: Need = DEFAULT_NEED
    capacity: Need | None = None
    max_sessions: int | None = None
    max_executors: int = 128
    retry_limit: int = 5
    sdk: str = "flamepy==0.6.0"
    cache_options: Mapping[str, Any] = field(default_factory=dict)

    def checked(self) -> Config:
        """Return itself.

        Raises:
            ConfigError: It would open the server to strangers, or contradicts itself.
        """
        for what, url in (("endpoint", self.endpoint), ("cache", self.cache), ("web", self.web or DEFAULT_WEB)):
            host, _ = address(url, 0)
            if not host.startswith(LOOPBACK) and self.token is None and self.tls is None:
                raise ConfigError(
                    f"{what} {url} can be reached from other machines, and whoever reaches this server can run code "
                    "as its user: set a token (FLAME_TOKEN, or cluster.token) or cluster.tls, or listen on 127.0.0.1"
                )
        if (urlsplit(self.endpoint).scheme == "https") != (self.tls is not None):
            raise ConfigError(f"endpoint {self.endpoint}: https needs cluster.tls, and cluster.tls needs https")
        return self


def address(url: str, default_port: int) -> tuple[str, int]:
    """Return host and port of a URL, the host as a server binds it.

    Raises:
        ConfigError: It has no host, or its port is no port.

    Example:
        >>> address("http://[::1]:8080", 0)
        ('[::1]', 8080)
    """
    parts = urlsplit(url if "://" in url else f"http://{url}")
    try:
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigError(f"{url}: {error}") from None
    if not host:
        raise ConfigError(f"{url}: no host; write scheme://host:port, http://127.0.0.1:8080 for example")
    return (f"[{host}]" if ":" in host else host), default_port if port is None else port


def read(path: Path | None, environment: Mapping[str, str] = os.environ) -> Config:
    """Read a file, and what the environment says.

    Args:
        path: The file; None for the defaults.
        environment: Of it, ``FLAME_TOKEN`` is looked at.

    Raises:
        ConfigError: The file cannot be read or says something wrong.
    """
    config = Config() if path is None else _from_file(path)
    token = environment.get("FLAME_TOKEN")
    return replace(config, token=token) if token and config.token is None else config


def resources(text: str) -> Need:
    """Read ``cpu=1,mem=1g,gpu=0``.

    Raises:
        ConfigError: It is something else.

    Example:
        >>> resources("cpu=2,mem=512m")
        Need(cpu=2, memory=536870912, gpu=0)
    """
    given: dict[str, int] = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        name, _, value = part.partition("=")
        key = {"cpu": "cpu", "mem": "memory", "memory": "memory", "gpu": "gpu"}.get(name.strip().lower())
        if key is None:
            raise ConfigError(f"{text!r}: {part!r} is none of cpu=N, mem=SIZE, gpu=N")
        given[key] = size(value) if key == "memory" else _whole(value, part)
    return Need(**given)


def size(text: str) -> int:
    """Read a number of bytes: ``512m``, ``1Gi``, ``4096``; all units are powers of 1024.

    Raises:
        ConfigError: It is something else.
    """
    match = _SIZE.match(text.strip())
    if match is None:
        raise ConfigError(f"{text!r} is no size: write 512m, 1g, 16Gi for example")
    return int(float(match[1]) * 1024 ** _POWERS[match[2].lower()])


def _from_file(path: Path) -> Config:
    import yaml

    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}", path=path, line=None) from error
    try:
        return _Document(document).config()
    except (ConfigError, TypeError, ValueError) as error:
        raise ConfigError(f"{path}: {error}", path=path, line=None) from error


class _Document:
    """The file's content; a key that is missing or empty has its default."""

    def __init__(self, content: Any) -> None:
        self.content = content

    def check(self, content: Any, path: str = "") -> None:
        """Refuse keys that nobody knows."""
        if not isinstance(content, dict):
            return
        for key, value in content.items():
            here = f"{path}.{key}" if path else str(key)
            if here in KEYS | IGNORED:
                continue
            if not any(known.startswith(f"{here}.") for known in KEYS):
                close = get_close_matches(here, KEYS, n=1)
                raise ConfigError(f"unknown key {here!r}" + (f" (did you mean {close[0]!r}?)" if close else ""))
            self.check(value, here)

    def get(self, *keys: str) -> Any:
        value = self.content
        for index, key in enumerate(keys):
            if value is None:
                return None
            if not isinstance(value, dict):
                raise ConfigError(f"{'.'.join(keys[:index]) or 'the file'} must be a mapping (key: value)")
            value = value.get(key)
        return value

    def text(self, *keys: str) -> str | None:
        value = self.get(*keys)
        return None if value is None else str(value)

    def number(self, *keys: str) -> int | None:
        value = self.get(*keys)
        return None if value is None else _whole(str(value), ".".join(keys))

    def config(self) -> Config:
        self.check(self.content)
        capacity = self.text("cluster", "resources")
        need = self.text("cluster", "resreq")
        known = {
            "name": self.text("cluster", "name"),
            "endpoint": self.text("cluster", "endpoint"),
            "cache": self.text("cache", "endpoint"),
            "web": self.text("cluster", "web"),
            "data": _path(self.text("cluster", "data")),
            "kept": self.kept(),
            "synchronous": self.text("cluster", "synchronous"),
            "token": self.text("cluster", "token"),
            "tls": self.tls(),
            "need": None if need is None else resources(need),
            "capacity": None if capacity is None else resources(capacity),
            "max_sessions": self.number("cluster", "limits", "max_sessions"),
            "max_executors": self.number("cluster", "limits", "max_executors"),
            "retry_limit": self.number("cluster", "recovery", "session", "retry_limits"),
            "sdk": self.text("cluster", "sdk"),
            "cache_options": self.get("cache"),
        }
        return Config(**{key: value for key, value in known.items() if value is not None})

    def kept(self) -> bool | None:
        """Whether sessions and tasks are kept on disk."""
        storage = self.text("cluster", "storage")
        if storage is not None and storage != "none" and "://" not in storage:
            raise ConfigError(
                f"cluster.storage: {storage!r} must be 'none' or a URL; any URL is kept in the data folder"
            )
        return None if storage is None else storage != "none"

    def tls(self) -> Tls | None:
        if self.get("cluster", "tls") is None:
            return None
        cert, key, authority = (
            _path(self.text("cluster", "tls", each)) for each in ("cert_file", "key_file", "ca_file")
        )
        if cert is None or key is None:
            raise ConfigError("cluster.tls needs cert_file and key_file")
        return Tls(cert, key, authority)


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text).expanduser()


def _whole(text: str, what: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = -1
    if number < 0:
        raise ConfigError(f"{what}: {text!r} must be a whole number of 0 or more")
    return number
