"""Completions on an asyncio event loop: futures that need no thread, and calls that can be awaited.

The engine's sockets are read by the loop itself (its ``attach``), so that a result costs one callback.
"""

from __future__ import annotations

import asyncio
from _thread import get_ident
from typing import TYPE_CHECKING, Any

from flamepy.completion import PENDING, Completion, Outcome

if TYPE_CHECKING:
    from collections.abc import Generator


class Call(asyncio.Future):  # type: ignore[type-arg]
    """A submitted call: awaiting it gives the finished ObjectExpr; cancelling it cancels the call.

    Attributes:
        expr: The ObjectExpr, at once.
    """

    expr: Any
    _thread: int

    @classmethod
    def of(cls, expr: Any) -> Call:
        """Make one for ``expr`` on the running loop."""
        loop = asyncio.get_running_loop()
        call = cls(loop=loop)
        call.expr = expr
        call._thread = get_ident()
        source: Any = expr._source
        source.attach(loop)
        expr.when_done(call._arrived)
        return call

    def _arrived(self, _: Completion) -> None:
        if get_ident() == self._thread:
            self._settle()
        else:
            self.get_loop().call_soon_threadsafe(self._settle)

    def _settle(self) -> None:
        if self.done():
            return
        outcome = self.expr._outcome
        error = outcome.peek(self.expr) if hasattr(outcome, "peek") else None
        if error is None:
            self.set_result(self.expr)
        else:
            self.set_exception(_raisable(error))
            self._log_traceback = False  # our own Failure reports what nobody looks at

    def cancel(self, msg: Any = None) -> bool:
        """Cancel the call and stop waiting for it."""
        if not self.done():
            self.expr.cancel()
        return super().cancel(msg)

    def __await__(self) -> Generator[Any, None, Any]:
        result = yield from super().__await__()
        return result

    __iter__ = __await__

    def exception(self) -> BaseException | None:
        """What the task raised; looking at it counts as having seen it."""
        error = super().exception()
        if error is not None and isinstance(self.expr._outcome, Outcome):
            self.expr._outcome.error(self.expr)
        return error

    def __repr__(self) -> str:
        return f"<call of {self.expr!r}>"

    def get(self, timeout: float | None = None) -> Any:
        """The value, for synchronous use of an async runner; see `ObjectExpr.get`."""
        return self.expr.get(timeout)


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
