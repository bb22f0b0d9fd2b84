"""Packages in the cache whose client is heard of no more are removed, and no others."""

from __future__ import annotations

import asyncio
import io

import pytest

from flamepy.packaging.storage.cache import CacheStorage
from flamepy.server.parcels import Parcels


@pytest.fixture
def cache(start):
    return start()


@pytest.fixture
def storage(cache):
    return CacheStorage(cache.endpoint)


def store(storage: CacheStorage, name: str) -> str:
    data = name.encode() * 100
    assert storage.upload(name, io.BytesIO(data), len(data))
    return storage.url_of(name)


def names(storage: CacheStorage) -> set[str]:
    return {package.name for package in storage.list()}


async def test_what_nobody_speaks_of_any_more_is_removed(cache, storage):
    parcels = Parcels(cache)
    left, kept = store(storage, "left"), store(storage, "kept")
    store(storage, "of-others")
    await parcels.keep([left, kept], 3600)
    await parcels.keep([left], -1)
    await parcels.look_after()
    assert names(storage) == {"kept", "of-others"}
    assert cache.version("left/pkg/left.tar.gz.head") == 0
    assert cache.version("kept/pkg/kept.tar.gz.head") > 0


async def test_one_that_was_replaced_is_somebody_else_s(cache, storage):
    parcels = Parcels(cache)
    await parcels.keep([store(storage, "same")], -1)
    storage.delete("same")
    store(storage, "same")
    await parcels.look_after()
    assert names(storage) == {"same"}


async def test_two_clients_of_one_package_after_the_other(cache, storage):
    parcels = Parcels(cache)
    await parcels.keep([store(storage, "same")], 3600)
    storage.delete("same")
    await parcels.keep([store(storage, "same")], -1)
    await parcels.look_after()
    assert names(storage) == set()


async def test_packages_elsewhere_are_not_ours(cache, storage, start):
    elsewhere = start()
    url = store(CacheStorage(elsewhere.endpoint), "same")
    store(storage, "same")
    parcels = Parcels(cache)
    await parcels.keep([url, "grpc://", "grpc://h:1/x", "nonsense"], -1)
    await parcels.look_after()
    assert names(storage) == {"same"}
    nowhere = Parcels(None)
    await nowhere.keep([url], -1)
    await nowhere.look_after()


async def test_many_clients_at_once(cache, storage):
    parcels = Parcels(cache)
    urls = [store(storage, f"n{number}") for number in range(10)]
    await asyncio.gather(*(parcels.keep([url], number % 2 * 3600 - 1) for number, url in enumerate(urls)))
    await asyncio.gather(*(parcels.look_after() for _ in range(3)))
    assert names(storage) == {f"n{number}" for number in range(1, 10, 2)}
