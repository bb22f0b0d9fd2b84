"""Completions on an asyncio event loop: futures that need no thread, and calls that can be awaited.

The engine's sockets are read by the loop itself (its ``attach``), so that a result costs one callback.
"""

from __future__ import annotations

import asyncio
from _thread import get_ident
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from flamepy.completion import PENDING, Completion, Failure
from flamepy.serialization import codec

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from flamepy.object_expr import ObjectExpr


R = TypeVar("R")


class Call(asyncio.Future["ObjectExpr[R]"], Generic[R]):
    """A submitted call: awaiting it gives the finished ObjectExpr; cancelling it cancels the call.

    A future of asyncio itself, because ``gather`` and the like wrap any other awaitable in a task, which costs more
    than the call. As an argument of a service call, at any depth, it arrives as its value.

    Attributes:
        expr: The ObjectExpr, at once.
    """

    __slots__ = ("_thread", "expr")

    expr: ObjectExpr[R]
    _thread: int

    def begin(self, expr: Any) -> None:
        """Settle with ``expr``; to be called before it is submitted."""
        self.expr = expr
        self._thread = get_ident()
        expr._callbacks = [self._arrived]

    def _arrived(self, expr: Any) -> None:
        if get_ident() != self._thread:
            self.get_loop().call_soon_threadsafe(self._settle)
        elif not isinstance(expr._outcome, Failure) and not self.done():
            self.set_result(expr)
        else:
            self._settle()

    def _settle(self) -> None:
        if self.done():
            return
        outcome = self.expr._outcome
        if isinstance(outcome, Failure):
            # Seen from now on: asyncio itself reports a future whose exception nobody retrieves, unless we have.
            reported = outcome.seen
            self.set_exception(_raisable(outcome.error(self.expr)))
            if reported:
                self._log_traceback = False
        else:
            self.set_result(self.expr)

    def cancel(self, msg: Any = None) -> bool:
        """Cancel the call and stop waiting for it."""
        if not self.done():
            self.expr.cancel()
        return super().cancel(msg)

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
