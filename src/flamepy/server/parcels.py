"""Packages that clients of ours have put into the object cache: removed when a killed client is heard of no more.

A client deletes its packages itself. What it says of them is kept in memory only: after a restart of the server those
count that are renewed from then on. A package that was replaced meanwhile has another version, and is not touched.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, NamedTuple, Protocol

from flamepy.wire.objects import HEAD

if TYPE_CHECKING:
    from collections.abc import Iterable

logger = logging.getLogger("flamepy.server")


class Objects(Protocol):
    """The server's object cache."""

    @property
    def endpoint(self) -> str:
        """Its URL."""

    def version(self, key: str) -> int:
        """An object's version, 0 if there is none."""

    def remove(self, key: str, version: int) -> bool:
        """Delete an object of this version."""


class _Parcel(NamedTuple):
    versions: tuple[tuple[str, int], ...]  # of the package and of what is beside it
    until: float


class Parcels:
    """The packages of clients that live, as far as is known.

    Args:
        objects: Where they are; None if this server has no cache.
    """

    def __init__(self, objects: Objects | None) -> None:
        self._objects = objects
        self._known: dict[str, _Parcel] = {}

    async def keep(self, urls: Iterable[str], seconds: float) -> None:
        """A client lives, and these are its packages."""
        until = asyncio.get_running_loop().time() + seconds
        for url in urls:
            if versions := await asyncio.to_thread(self._versions, url):  # it may have been replaced
                self._known[url] = _Parcel(versions, until)

    async def look_after(self) -> None:
        """Remove what nobody has spoken of in time."""
        now = asyncio.get_running_loop().time()
        for url, parcel in tuple(self._known.items()):
            over = parcel.until < now and self._known.pop(url, None) is not None
            if over and await asyncio.to_thread(self._remove, parcel):
                logger.info("the package %s is removed: nothing was heard of its client", url)

    def _versions(self, url: str) -> tuple[tuple[str, int], ...]:
        where, _, key = url.partition("://")[2].partition("/")
        if self._objects is None or where.rpartition(":")[2] != self._objects.endpoint.rpartition(":")[2]:
            return ()  # in another cache
        found = ((name, self._objects.version(name)) for name in (key, key + HEAD))
        return tuple((name, version) for name, version in found if version)

    def _remove(self, parcel: _Parcel) -> bool:
        assert self._objects is not None
        return any([self._objects.remove(name, version) for name, version in parcel.versions])
