"""Typed tables of gRPC methods, from which clients and servers are made by hand.

A table is a module of constants (:mod:`flamepy.wire.frontend` for example), one per method::

    GET_TASK = Unary("/flame.v1.Frontend/GetTask", GetTaskRequest, Task)

A client binds one to a channel, a server gives a function for each. :mod:`grpc` is imported when that happens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from google.protobuf.message import Message

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping

    import grpc
    import grpc.aio

Asked = TypeVar("Asked", bound=Message)
Told = TypeVar("Told", bound=Message)


class Method(Generic[Asked, Told]):
    """One method of a service.

    Args:
        path: As it is on the wire, ``/package.Service/Method``.
        asked: Type of the request.
        told: Type of the answer.
    """

    __slots__ = ("asked", "path", "told")
    kind = ""

    def __init__(self, path: str, asked: type[Asked], told: type[Told]) -> None:
        self.path, self.asked, self.told = path, asked, told

    @property
    def service(self) -> str:
        """Full name of the service."""
        return self.path.split("/")[1]

    @property
    def name(self) -> str:
        """Name of the method within the service."""
        return self.path.split("/")[2]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.path}>"

    def _bind(self, channel: Any) -> Any:
        make = getattr(channel, self.kind)
        return make(self.path, request_serializer=_to_bytes, response_deserializer=self.told.FromString)

    def _handler(self, behaviour: Callable[..., Any]) -> grpc.RpcMethodHandler[Any, Any]:
        import grpc

        from flamepy.wire.checking import CHECKED, parser

        make = getattr(grpc, f"{self.kind}_rpc_method_handler")
        handler: grpc.RpcMethodHandler[Any, Any] = make(
            CHECKED[self.kind](behaviour), request_deserializer=parser(self.asked), response_serializer=_to_bytes
        )
        return handler


class Unary(Method[Asked, Told]):
    """One request, one answer."""

    __slots__ = ()
    kind = "unary_unary"

    def on(self, channel: grpc.Channel) -> grpc.UnaryUnaryMultiCallable[Asked, Told]:
        """Return the method of a blocking channel."""
        bound: grpc.UnaryUnaryMultiCallable[Asked, Told] = self._bind(channel)
        return bound

    def aio(self, channel: grpc.aio.Channel) -> grpc.aio.UnaryUnaryMultiCallable[Asked, Told]:
        """Return the method of an asyncio channel."""
        bound: grpc.aio.UnaryUnaryMultiCallable[Asked, Told] = self._bind(channel)
        return bound

    def served(self, behaviour: Callable[[Asked, grpc.aio.ServicerContext[Asked, Told]], Awaitable[Told]]) -> Served:
        """Return this method as an asyncio server offers it."""
        return self, behaviour


class Downstream(Method[Asked, Told]):
    """One request, a stream of answers."""

    __slots__ = ()
    kind = "unary_stream"

    def on(self, channel: grpc.Channel) -> grpc.UnaryStreamMultiCallable[Asked, Told]:
        """Return the method of a blocking channel."""
        bound: grpc.UnaryStreamMultiCallable[Asked, Told] = self._bind(channel)
        return bound

    def aio(self, channel: grpc.aio.Channel) -> grpc.aio.UnaryStreamMultiCallable[Asked, Told]:
        """Return the method of an asyncio channel."""
        bound: grpc.aio.UnaryStreamMultiCallable[Asked, Told] = self._bind(channel)
        return bound

    def served(
        self, behaviour: Callable[[Asked, grpc.aio.ServicerContext[Asked, Told]], AsyncIterator[Told]]
    ) -> Served:
        """Return this method as an asyncio server offers it."""
        return self, behaviour


class Duplex(Method[Asked, Told]):
    """A stream of requests and one of answers."""

    __slots__ = ()
    kind = "stream_stream"

    def on(self, channel: grpc.Channel) -> grpc.StreamStreamMultiCallable[Asked, Told]:
        """Return the method of a blocking channel."""
        bound: grpc.StreamStreamMultiCallable[Asked, Told] = self._bind(channel)
        return bound

    def aio(self, channel: grpc.aio.Channel) -> grpc.aio.StreamStreamMultiCallable[Asked, Told]:
        """Return the method of an asyncio channel."""
        bound: grpc.aio.StreamStreamMultiCallable[Asked, Told] = self._bind(channel)
        return bound

    def served(
        self,
        behaviour: Callable[[AsyncIterator[Asked], grpc.aio.ServicerContext[Asked, Told]], AsyncIterator[Told]],
    ) -> Served:
        """Return this method as an asyncio server offers it."""
        return self, behaviour


Served = tuple[Method[Any, Any], "Callable[..., Any]"]
"""A method and the coroutine, or asynchronous generator, that answers it."""


def handlers(served: Iterator[Served] | list[Served]) -> list[grpc.GenericRpcHandler[Any, Any]]:
    """Return what a server registers, one handler per service.

    Args:
        served: What :meth:`Unary.served` and its siblings gave, of one or more services.

    Example:
        >>> from flamepy.wire import frontend
        >>> async def get_task(request, context): ...
        >>> len(handlers([frontend.GET_TASK.served(get_task)]))
        1
    """
    services: dict[str, dict[str, grpc.RpcMethodHandler[Any, Any]]] = {}
    for method, behaviour in served:
        services.setdefault(method.service, {})[method.name] = method._handler(behaviour)
    return [_generic(service, methods) for service, methods in services.items()]


def _generic(service: str, methods: Mapping[str, grpc.RpcMethodHandler[Any, Any]]) -> grpc.GenericRpcHandler[Any, Any]:
    import grpc

    return grpc.method_handlers_generic_handler(service, dict(methods))


def _to_bytes(message: Message) -> bytes:
    return message.SerializeToString()
