"""Completions on an asyncio event loop: futures that need no thread, and calls that can be awaited.

The engine's sockets are read by the loop itself (its ``attach``), so that a result costs one callback.
"""

from __future__ import annotations

import asyncio
from _thread import get_ident

from flamepy.completion import PENDING, Completion, Failure
from flamepy.model.generic import Generic, R
from flamepy.serialization import codec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Generator
    from contextvars import Context
    from typing import Any

    from flamepy.object_expr import ObjectExpr


_CANCELLED: list[Any] = []
"""Stands for the waiters of a call whose awaiting was cancelled; told by identity."""


class Call(Generic[R]):
    """A submitted call: awaiting it gives the finished ObjectExpr; cancelling it cancels the call.

    It is a future to asyncio (`asyncio.isfuture`), because ``gather`` and the like wrap any other awaitable in a task,
    which costs more than the call; but one that does nothing until somebody waits. As an argument of a service call,
    at any depth, it arrives as its value.

    Attributes:
        expr: The ObjectExpr, at once.
    """

    __slots__ = ("__weakref__", "_asyncio_future_blocking", "_loop", "_waiters", "expr")

    expr: ObjectExpr[R]
    _loop: asyncio.AbstractEventLoop
    _waiters: list[tuple[Callable[[Any], object], Context | None]] | None
    _asyncio_future_blocking: bool

    def __init__(self, expr: ObjectExpr[R], loop: asyncio.AbstractEventLoop) -> None:
        self.expr = expr
        self._loop = loop
        self._waiters = None
        self._asyncio_future_blocking = False

    # ---- what asyncio asks of a future

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """The loop on which it was submitted."""
        return self._loop

    def done(self) -> bool:
        """Whether there is an outcome, or nobody wants it any more."""
        return self.expr._outcome is not PENDING or self._waiters is _CANCELLED

    def cancelled(self) -> bool:
        """Whether `cancel` came before an outcome."""
        return self._waiters is _CANCELLED

    def cancel(self, msg: Any = None) -> bool:
        """Cancel the call and stop waiting for it; False if it is done."""
        if self.done():
            return False
        waiters, self._waiters = self._waiters, _CANCELLED
        self.expr.cancel()
        self._call_soon(waiters)
        return True

    def exception(self) -> BaseException | None:
        """What the call raised, None for a value.

        Raises:
            asyncio.CancelledError: It was cancelled.
            asyncio.InvalidStateError: It is not done.
        """
        if self._waiters is _CANCELLED:
            raise asyncio.CancelledError
        outcome = self.expr._outcome
        if outcome is PENDING:
            raise asyncio.InvalidStateError("the call is not done")
        return _raisable(outcome.error(self.expr)) if isinstance(outcome, Failure) else None

    def result(self) -> ObjectExpr[R]:
        """The finished ObjectExpr; raises what `exception` returns or raises."""
        error = self.exception()
        if error is not None:
            raise error.with_traceback(None)
        return self.expr

    def add_done_callback(self, callback: Callable[[Any], object], *, context: Context | None = None) -> None:
        """Have the loop call ``callback(self)`` once it is done."""
        if self.done():
            self._loop.call_soon(callback, self, context=context)
        elif self._waiters:
            self._waiters.append((callback, context))
        else:
            self._waiters = [(callback, context)]
            self.expr.when_done(self._arrived)

    def remove_done_callback(self, callback: Callable[[Any], object]) -> int:
        """Take a callback back; says how often it was there."""
        waiters = self._waiters or []
        kept = [waiter for waiter in waiters if waiter[0] != callback]
        removed = len(waiters) - len(kept)
        if removed:
            waiters[:] = kept
        return removed

    def __await__(self) -> Generator[Any, None, ObjectExpr[R]]:
        """Wait for the outcome on the loop."""
        if not self.done():
            self._asyncio_future_blocking = True
            yield self
        return self.result()

    __iter__ = __await__  # for ``yield from``, as with asyncio's own futures

    def _arrived(self, _: object) -> None:
        if asyncio._get_running_loop() is self._loop:
            self._settle()
        elif not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._settle)

    def _settle(self) -> None:
        if self._waiters is not _CANCELLED:
            waiters, self._waiters = self._waiters, None
            self._call_soon(waiters)

    def _call_soon(self, waiters: list[tuple[Callable[[Any], object], Context | None]] | None) -> None:
        for callback, context in waiters or ():
            self._loop.call_soon(callback, self, context=context)

    # ---- what an ObjectExpr offers

    def get(self, timeout: float | None = None) -> R:
        """The value, for synchronous use of an async runner; see `ObjectExpr.get`."""
        return self.expr.get(timeout)

    def __aiter__(self) -> AsyncIterator[Any]:
        """Iterate over the items of a generator as they arrive; see `ObjectExpr.__aiter__`."""
        items: AsyncIterator[Any] = self.expr.__aiter__()
        return items

    def __reduce__(self) -> tuple[Any, ...]:
        return codec.reference(self.expr)

    def __repr__(self) -> str:
        return f"<call of {self.expr!r}>"


def future_of(completion: Completion) -> asyncio.Future[None]:
    """An asyncio future that is done when ``completion`` is; cancelling it cancels nothing else."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[None] = loop.create_future()
    if completion._outcome is not PENDING:
        future.set_result(None)
        return future
    thread = get_ident()

    def settle() -> None:
        if not future.done():
            future.set_result(None)

    def arrived(_: object) -> None:
        if get_ident() == thread:
            settle()
        else:
            loop.call_soon_threadsafe(settle)

    source: Any = completion._source
    source.attach(loop)
    completion.when_done(arrived)
    return future


def _raisable(error: BaseException) -> BaseException:
    # asyncio refuses StopIteration, because it would end the coroutine that awaits it.
    if isinstance(error, StopIteration):
        wrapped = RuntimeError("the task raised StopIteration")
        wrapped.__cause__ = error
        return wrapped
    return error
