"""`ObjectCache`: starts and stops the object cache."""

from __future__ import annotations

import socket
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pyarrow as pa

from flamepy.errors import ConfigError, EngineUnavailable
from flamepy.server.objects.counters import CacheCounters
from flamepy.server.objects.disk import DiskStore
from flamepy.server.objects.service import CacheService, TokenCheck
from flamepy.server.objects.store import ObjectStore
from flamepy.wire.objects import flight_location

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

DEFAULT_ENDPOINT = "grpc://127.0.0.1:9090"
DEFAULT_BYTES = 1 << 30


@dataclass(frozen=True)
class CacheSettings:
    """How an object cache runs.

    Attributes:
        endpoint: Where it listens: ``grpc://host:port``, or ``grpcs://host:port`` with TLS; port 0 for any free one.
        advertise: What clients are told to call; None for the endpoint itself.
        data: Folder for the objects; None keeps them in memory alone, and what is evicted is gone.
        max_bytes: Bytes in memory; None for no limit.
        max_objects: Objects in memory; None for no limit.
        token: What clients have to show; None to serve everybody.
        cert_file: The certificate chain, for TLS.
        key_file: Its key.
    """

    endpoint: str = DEFAULT_ENDPOINT
    advertise: str | None = None
    data: Path | None = None
    max_bytes: int | None = DEFAULT_BYTES
    max_objects: int | None = None
    token: str | None = None
    cert_file: Path | None = None
    key_file: Path | None = None


class ObjectCache:
    """An object cache on threads of its own, from `start` to `stop`.

    Args:
        settings: How it runs.

    Example:
        >>> with ObjectCache(CacheSettings("grpc://127.0.0.1:0")) as cache:
        ...     print(cache.endpoint.rpartition(":")[0])
        grpc://127.0.0.1
    """

    def __init__(self, settings: CacheSettings | None = None) -> None:
        self.settings = settings or CacheSettings()
        self.counters = CacheCounters()
        self._service: CacheService | None = None
        self._store: ObjectStore | None = None
        self._disk: DiskStore | None = None

    def start(self) -> None:
        """Listen; returns when clients can call.

        Raises:
            ConfigError: The endpoint is no URL, or TLS lacks its certificate.
            EngineError: Another server uses the folder.
            EngineUnavailable: The address cannot be had.
            OSError: The folder or a certificate cannot be read.
        """
        settings = self.settings
        location, options = flight_location(settings.endpoint), self._options()
        if settings.data is not None:
            self._disk = DiskStore(settings.data)
        try:
            self._store = ObjectStore(
                self.counters, self._disk, max_bytes=settings.max_bytes, max_objects=settings.max_objects
            )
            self._service = _listening(self._store, self.counters, location, options)
        except BaseException:
            self._close_disk()
            raise
        self._service.advertised = self._advertised(location, self._service.port)

    def stop(self, timeout: float = 5.0) -> bool:
        """Take no more calls and wait for those that run; idempotent.

        Args:
            timeout: Seconds to wait. A client that never ends its call is left behind.

        Returns:
            False if a call was left behind.
        """
        service, self._service = self._service, None
        ended = True
        if service is not None:
            closing = threading.Thread(target=service.shutdown, name="flame-cache-stop", daemon=True)
            closing.start()
            closing.join(timeout)
            ended = not closing.is_alive()
        self._close_disk()
        return ended

    @property
    def port(self) -> int:
        """The port that it listens on.

        Raises:
            EngineUnavailable: It is not started.
        """
        return int(self._running().port)

    @property
    def endpoint(self) -> str:
        """What clients are told to call.

        Raises:
            EngineUnavailable: It is not started.
        """
        return str(self._running().advertised)

    def version(self, key: str) -> int:
        """Return an object's version, 0 if there is none."""
        return self._store.version(key) if self._store is not None else 0

    def remove(self, key: str, version: int) -> bool:
        """Delete an object if it is still of this version; says whether it was."""
        return self._store is not None and bool(self._store.delete(key, version=version))

    def statistics(self) -> dict[str, int]:
        """Return the counts since the start, see `CacheCounters`, with ``objects``, ``bytes`` and what is resident."""
        totals = self._store.totals() if self._store is not None else {}
        return {**self.counters.snapshot(), **totals}

    def __enter__(self) -> ObjectCache:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    def _running(self) -> CacheService:
        if self._service is None:
            raise EngineUnavailable("the object cache is not started")
        return self._service

    def _close_disk(self) -> None:
        disk, self._disk = self._disk, None
        if disk is not None:
            disk.close()

    def _options(self) -> dict[str, Any]:
        settings = self.settings
        options: dict[str, Any] = {}
        if settings.token:
            options["middleware"] = {"token": TokenCheck(settings.token, self.counters)}
        if flight_location(settings.endpoint).startswith("grpc+tls"):
            if settings.cert_file is None or settings.key_file is None:
                raise ConfigError(f"the object cache at {settings.endpoint} needs a certificate and its key")
            options["tls_certificates"] = [(settings.cert_file.read_bytes(), settings.key_file.read_bytes())]
        return options

    def _advertised(self, location: str, port: int) -> str:
        if self.settings.advertise:
            return flight_location(self.settings.advertise)
        parts = urlsplit(location)
        host = _reachable_host(parts.hostname or "")
        return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def _listening(store: ObjectStore, counters: CacheCounters, location: str, options: dict[str, Any]) -> CacheService:
    try:
        return CacheService(store, counters, location, **options)
    except (pa.ArrowException, OSError) as error:
        raise EngineUnavailable(
            f"the object cache cannot listen at {location}: {error}. Does another program use the port?"
        ) from error


def _reachable_host(host: str) -> str:
    """The host that others may call: of all addresses, the one that leads out of this machine."""
    if host not in {"0.0.0.0", "::"}:
        return host
    family = socket.AF_INET if host == "0.0.0.0" else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            # Nothing is sent: connecting a datagram socket only picks the interface.
            probe.connect(("192.0.2.1" if family == socket.AF_INET else "2001:db8::1", 9))
        except OSError:
            return "127.0.0.1" if family == socket.AF_INET else "::1"
        return str(probe.getsockname()[0])
