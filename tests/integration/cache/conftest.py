"""A running cache, and clients of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("pyarrow")

from flamepy.server.objects import CacheSettings, ObjectCache
from flamepy.wire.cache import CacheClient

ANY_PORT = CacheSettings("grpc://127.0.0.1:0")


@pytest.fixture
def start() -> Iterator[Callable[..., ObjectCache]]:
    """Start caches with other settings; they are stopped afterwards."""
    started: list[ObjectCache] = []

    def starter(**settings: object) -> ObjectCache:
        cache = ObjectCache(replace(ANY_PORT, **settings))
        cache.start()
        started.append(cache)
        return cache

    yield starter
    for cache in started:
        cache.stop()


@pytest.fixture(params=["memory", "disk"])
def data(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    """A folder for the objects, or none."""
    return tmp_path / "objects" if request.param == "disk" else None


@pytest.fixture
def cache(start: Callable[..., ObjectCache], data: Path | None) -> ObjectCache:
    """A cache."""
    return start(data=data)


@pytest.fixture
def client(cache: ObjectCache) -> Iterator[CacheClient]:
    """Its client."""
    made = CacheClient(cache.endpoint)
    yield made
    made.close()
