"""Handles whose calls can be awaited: the services of a `FlameAsyncRunner`."""

from __future__ import annotations

import asyncio
from sys import _getframe

from flamepy.completion import PENDING
from flamepy.event_loop import Call
from flamepy.model.generic import Any, Generic, P, R, T
from flamepy.object_expr import ObjectExpr
from flamepy.service import FlameRunnerService, FunctionService, OwnDoc, RemoteMethod

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

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
        self._submit(expr, self._number, args, kwargs, self._options)
        expr._source.attach(loop)  # type: ignore[union-attr]
        return Call(expr, loop)

    def options(self, **options: Any) -> Any:
        """This method with other options; see `RemoteMethod.options`."""
        other = super().options(**options)
        return AsyncMethod(other._session, other._number, other.name, other.function, other._accepts, other._options)


class AsyncRunnerService(FlameRunnerService[T], Generic[T]):
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


class AsyncFunctionService(AsyncRunnerService[Any], Generic[P, R]):
    """The service of a function; keeps the function's parameters and result for type checkers."""

    __doc__ = OwnDoc(__doc__)

    if TYPE_CHECKING:

        def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> Call[R]:  # type: ignore[override]
            """Call the function as a task."""

        def map(self, *iterables: Iterable[Any]) -> list[Call[R]]:  # type: ignore[override]
            """Submit one task for each item."""

        def options(self, **options: Any) -> Callable[P, Call[R]]:  # type: ignore[override]
            """The function's call with other options."""


def awaitable_service(service: FlameRunnerService[Any]) -> AsyncRunnerService[Any]:
    """Turn a handle into one whose calls can be awaited."""
    kind: Any = AsyncFunctionService if isinstance(service, FunctionService) else AsyncRunnerService
    made: AsyncRunnerService[Any] = kind.__new__(kind)
    made.__dict__.update(service.__dict__)
    methods = {
        name: AsyncMethod[Any, Any](m._session, m._number, m.name, m.function, m._accepts, m._options)
        for name, m in service._flame_methods.items()
    }
    made.__dict__.update({name: method for name, method in methods.items() if name})
    made._flame_methods = dict(methods)
    made._flame_call = methods.get("")
    return made
