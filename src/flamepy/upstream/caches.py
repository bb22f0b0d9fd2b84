"""Which object cache is meant: the one of the context, or on the embedded engine one of this process."""

from __future__ import annotations

import atexit
import sys
import threading
from typing import TYPE_CHECKING

from flamepy.context import FlameContext
from flamepy.upstream.vocabulary import FlameError, FlameErrorCode
from flamepy.wire.cache import CacheClient
from flamepy.wire.objects import flight_location

if TYPE_CHECKING:
    from flamepy.server.objects import ObjectCache

_FLAME = frozenset({"http", "https", "grpc", "grpcs"})


class _Caches:
    """The clients of this process, by location."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._clients: dict[str, CacheClient] = {}
        self._default: str | None = None
        self._private: ObjectCache | None = None

    def default(self) -> CacheClient:
        """The client of the cache for new objects."""
        with self._lock:
            if self._default is None:
                self._default = self._chosen()
            return self.at(self._default)

    def at(self, endpoint: str) -> CacheClient:
        """The client of a cache; the context's token goes to the context's cache alone."""
        location = flight_location(endpoint)
        with self._lock:
            client = self._clients.get(location)
            if client is None:
                client = self._clients[location] = _connected(location)
            return client

    def noticed(self, endpoint: str) -> None:
        """Take the cache of a reference that came with a task for new objects, if nothing names another."""
        with self._lock:
            if self._default is None and _named() is None:
                self._default = endpoint

    def _chosen(self) -> str:
        named = _named()
        if named is not None:
            return named
        if FlameContext().scheme != "local" or "flamepy.runtime.loop" in sys.modules:
            raise FlameError(
                FlameErrorCode.INVALID_CONFIG,
                "no object cache is known here: set FLAME_CACHE_ENDPOINT or the cluster's 'cache' in flame.yaml, "
                "or pass objects of the runner, made with runner.put_object(), as arguments",
            )
        return self._started().endpoint

    def _started(self) -> ObjectCache:
        """A cache in this process, for as long as it runs."""
        from flamepy.server.objects import CacheSettings, ObjectCache

        if self._private is None:
            cache = ObjectCache(CacheSettings("grpc://127.0.0.1:0"))
            cache.start()
            atexit.register(cache.stop, 1.0)
            self._private = cache
        return self._private


def _named() -> str | None:
    context = FlameContext()
    return context.cache_endpoint if context.cache or context.scheme in _FLAME else None


def _connected(location: str) -> CacheClient:
    context = FlameContext()
    named = _named()
    token = context.token if named is not None and flight_location(named) == location else None
    return CacheClient(location, token=token, ca_file=context.cache_ca_file or context.ca_file)


_caches = _Caches()
default_client = _caches.default
client_of = _caches.at
noticed = _caches.noticed
