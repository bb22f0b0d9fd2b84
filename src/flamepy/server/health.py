"""gRPC's health service: serving, until the server is told to end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import grpc

from flamepy.wire import health
from flamepy.wire.proto import health_pb2 as messages

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from flamepy.wire.rpc import Served

SERVICES = frozenset({"", "flame.v1.Frontend", "flamepy.Links"})

_Status = messages.HealthCheckResponse


class Health:
    """Says whether the server serves."""

    def __init__(self) -> None:
        self._ending = asyncio.Event()

    def served(self) -> Iterator[Served]:
        """Yield the methods, for `flamepy.wire.rpc.handlers`."""
        yield health.CHECK.served(self._check)
        yield health.WATCH.served(self._watch)

    def end(self) -> None:
        """Say from now on that the server does not serve."""
        self._ending.set()

    def _status(self) -> messages.HealthCheckResponse:
        ending = self._ending.is_set()
        return _Status(status=_Status.NOT_SERVING if ending else _Status.SERVING)

    async def _check(self, request: messages.HealthCheckRequest, context: Any) -> messages.HealthCheckResponse:
        if request.service not in SERVICES:
            await context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
        return self._status()

    async def _watch(self, request: messages.HealthCheckRequest, _: Any) -> AsyncIterator[messages.HealthCheckResponse]:
        if request.service not in SERVICES:
            yield _Status(status=_Status.SERVICE_UNKNOWN)
        else:
            yield self._status()
        await self._ending.wait()
        yield self._status()
