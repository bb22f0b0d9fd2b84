"""A client's way to its cluster's object cache, by which large objects go; see `host.bulk`."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from flamepy.engines.flame.host.bulk import Bulk
from flamepy.errors import FlameError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    from flamepy.context import FlameContext
    from flamepy.engines.flame.host.bulk import Reference
    from flamepy.engines.flame.wire import Wire
    from flamepy.wire.cache import CacheClient

    T = TypeVar("T")

THREADS = 2
"""How many parts travel at a time, from and to this client."""

TRIAL_SECONDS = 5.0
"""Seconds in which the cache has to answer the first time; a client in another network may never reach it."""


class Cache:
    """The cluster's object cache, connected to when the first large object is on its way.

    Args:
        context: Where it is.
        wire: Whose loop everything but `clear` is called on.

    Attributes:
        usable: Whether it has answered.
    """

    def __init__(self, context: FlameContext, wire: Wire) -> None:
        self.usable = False
        self._context = context
        self._wire = wire
        self._client: CacheClient | None = None
        self._trial: asyncio.Future[None] | None = None
        self._threads: ThreadPoolExecutor | None = None

    async def tried(self, application: str) -> bool:
        """Try it, if that was not done; says whether it answers."""
        self.try_out(application)
        assert self._trial is not None
        await asyncio.shield(self._trial)
        return self.usable

    def try_out(self, application: str) -> None:
        """Begin to try it."""
        if self._trial is None:
            self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="flamepy-cache")
            self._trial = self.run(self._try, application)

    def run(self, action: Callable[..., T], *arguments: Any) -> asyncio.Future[T]:
        """Call ``action`` on one of few threads: each has memory of its own, which large objects leave behind."""
        return self._wire.loop.run_in_executor(self._threads, action, *arguments)

    def _try(self, application: str) -> None:
        try:
            from flamepy.wire.cache import CacheClient

            context = self._context
            ca_file = context.cache_ca_file or context.ca_file
            where, token = context.cache_endpoint, context.token
            first = CacheClient(where, token=token, ca_file=ca_file, timeout=TRIAL_SECONDS)
            first.delete(first.put(f"{application}/trial", b"").key)
            first.close()
            self._client = CacheClient(where, token=token, ca_file=ca_file)
            self.usable = True
        except (FlameError, ImportError):  # nobody answers there, or this installation has no pyarrow
            return

    def way(self, prefix: str) -> Bulk:
        """The way of one executor's parts, once it is usable."""
        assert self._client is not None
        return Bulk(self._client, prefix, "in")

    def forget(self, references: list[Reference]) -> None:
        """Delete parts, soon; what cannot be deleted goes with its application."""
        client = self._client
        if references and client is not None:
            self.run(_delete, client, references)

    def clear(self, application: str) -> None:
        """Delete all that is left of an application's parts; nothing is stored any more."""
        threads, self._threads = self._threads, None
        if threads is not None:
            threads.shutdown(wait=True)
        if self._client is not None:
            try:
                self._client.delete(f"{application}/*")
            except FlameError:
                return


def _delete(client: CacheClient, references: list[Reference]) -> None:
    for _, key in references:
        try:
            client.delete(key)
        except FlameError:
            return
