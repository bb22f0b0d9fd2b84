"""Requests that are no messages are answered with INVALID_ARGUMENT.

gRPC itself would say UNKNOWN and write a traceback into the server's log, once per stranger.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf.message import DecodeError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from google.protobuf.message import Message


class _Malformed:
    """What stands for a request that could not be read."""

    __slots__ = ()


_MALFORMED = _Malformed()


def parser(asked: type[Message]) -> Callable[[bytes], Message | _Malformed]:
    """Return what reads a request."""
    read = asked.FromString

    def parse(data: bytes) -> Message | _Malformed:
        try:
            return read(data)
        except DecodeError:
            return _MALFORMED

    return parse


async def _refuse(context: Any) -> None:
    await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the request is not a message of this method")


def _unary_unary(behaviour: Callable[[Any, Any], Awaitable[Any]]) -> Callable[[Any, Any], Awaitable[Any]]:
    async def answer(request: Any, context: Any) -> Any:
        if request is _MALFORMED:
            await _refuse(context)
        return await behaviour(request, context)

    return answer


def _unary_stream(behaviour: Callable[[Any, Any], AsyncIterator[Any]]) -> Callable[[Any, Any], AsyncIterator[Any]]:
    async def answer(request: Any, context: Any) -> AsyncIterator[Any]:
        if request is _MALFORMED:
            await _refuse(context)
        async for each in behaviour(request, context):
            yield each

    return answer


def _stream_stream(behaviour: Callable[[Any, Any], AsyncIterator[Any]]) -> Callable[[Any, Any], AsyncIterator[Any]]:
    async def answer(requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        async for each in behaviour(_checked(requests, context), context):
            yield each

    return answer


async def _checked(requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
    async for request in requests:
        if request is _MALFORMED:
            await _refuse(context)
        yield request


CHECKED: Mapping[str, Callable[[Callable[..., Any]], Callable[..., Any]]] = {
    "unary_unary": _unary_unary,
    "unary_stream": _unary_stream,
    "stream_stream": _stream_stream,
}
"""How a method is wrapped, by its kind."""
