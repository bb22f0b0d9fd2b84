"""Handles whose calls can be awaited: the services of a `FlameAsyncRunner`."""

from __future__ import annotations

import asyncio
from sys import _getframe
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar

from flamepy.completion import PENDING
from flamepy.event_loop import Call
from flamepy.object_expr import ObjectExpr
from flamepy.service import FlameRunnerService, OwnDoc, RemoteMethod

if TYPE_CHECKING:
    from collections.abc import Iterable

P = ParamSpec("P")
R = TypeVar("R")

_new = ObjectExpr.__new__
_running_loop = asyncio._get_running_loop
_here, _service = globals(), FlameRunnerService.__init__.__globals__


class AsyncMethod(RemoteMethod[P, R], Generic[P, R]):
    """A remote method whose calls return awaitables; without a running loop, plain ObjectExprs."""

    __doc__ = OwnDoc(__doc__)
    __slots__ = ()

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Submit a task; see `RemoteMethod.__call__`."""
        if kwargs or not self._least <= len(args) <= self._most:
            self._accepts.check(args, kwargs)
        expr: ObjectExpr[Any] = _new(ObjectExpr)
        expr._outcome = PENDING
        expr._callbacks = expr._extra = None
        frame: Any = _getframe(1)
        while frame.f_globals is _here or frame.f_globals is _service:
            frame = frame.f_back
        expr._code = frame.f_code
        expr._offset = frame.f_lasti
        loop = _running_loop()
        if loop is None:
            self._submit(expr, self._number, args, kwargs, self._options)
            return expr
        call = Call(loop=loop)
        call.begin(expr)
        self._submit(expr, self._number, args, kwargs, self._options)
        expr._source.attach(loop)  # type: ignore[union-attr]
        return call

    def options(self, **options: Any) -> Any:
        """This method with other options; see `RemoteMethod.options`."""
        other = super().options(**options)
        return AsyncMethod(other._session, other._number, other.name, other.function, other._accepts, other._options)


class AsyncRunnerService(FlameRunnerService[Any]):
    """A `FlameRunnerService` whose calls can be awaited."""

    __doc__ = OwnDoc(__doc__)

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Call the function (or the instance's ``__call__``) as a task."""
        if self._flame_call is None:
            return super().__call__(*args, **kwargs)
        return self._flame_call(*args, **kwargs)

    def map(self, *iterables: Iterable[Any]) -> Any:
        """Submit one task for each item; see `RemoteMethod.map`."""
        return self._own_call("map").map(*iterables)

    async def aclose(self) -> None:
        """Close without blocking the event loop; see `FlameRunnerService.close`."""
        await asyncio.get_running_loop().run_in_executor(None, self._flame_session.close)


def awaitable_service(service: FlameRunnerService[Any]) -> AsyncRunnerService:
    """Turn a handle into one whose calls can be awaited."""
    made = AsyncRunnerService.__new__(AsyncRunnerService)
    made.__dict__.update(service.__dict__)
    methods = {
        name: AsyncMethod[Any, Any](m._session, m._number, m.name, m.function, m._accepts, m._options)
        for name, m in service._flame_methods.items()
    }
    made.__dict__.update({name: method for name, method in methods.items() if name})
    made._flame_methods = dict(methods)
    made._flame_call = methods.get("")
    return made
