"""Waiting for many results: get, wait, as_completed, gather."""

from __future__ import annotations

from collections import deque
from time import monotonic

from flamepy.completion import PENDING, Completion, Outcome
from flamepy.errors import WaitTimeout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from flamepy.model.generic import T
    from flamepy.object_expr import ObjectExpr


FIRST_COMPLETED = "FIRST_COMPLETED"
FIRST_EXCEPTION = "FIRST_EXCEPTION"
ALL_COMPLETED = "ALL_COMPLETED"


def get(exprs: Iterable[ObjectExpr[T]], timeout: float | None = None) -> list[T]:
    """Return the values of ``exprs`` in their order.

    Args:
        exprs: Results of calls.
        timeout: Seconds for all of them together; None waits for ever.

    Raises:
        WaitTimeout: Not all are there in time.
        BaseException: What the first failed one (in their order) raised.

    Example:
        >>> flamepy.get([square(1), square(2)])  # doctest: +SKIP
        [1, 4]
    """
    if timeout is None:
        return [expr.get() for expr in exprs]
    deadline = monotonic() + timeout
    return [expr.get(max(0.0, deadline - monotonic())) for expr in exprs]


def wait(
    exprs: Iterable[ObjectExpr[Any]], timeout: float | None = None, return_when: str = ALL_COMPLETED
) -> tuple[list[ObjectExpr[Any]], list[ObjectExpr[Any]]]:
    """Wait for results; returns ``(done, pending)``, each in the order given.

    Args:
        exprs: Results of calls.
        timeout: Seconds; None waits for ever.
        return_when: ``ALL_COMPLETED``, ``FIRST_COMPLETED`` or ``FIRST_EXCEPTION``.

    Raises:
        ValueError: ``return_when`` is something else.
    """
    if return_when not in (ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION):
        raise ValueError(f"return_when={return_when!r} is not ALL_COMPLETED, FIRST_COMPLETED or FIRST_EXCEPTION")
    listed = list(exprs)
    try:
        for expr in as_completed(listed, timeout):
            failed = return_when == FIRST_EXCEPTION and _failed(expr)
            if return_when == FIRST_COMPLETED or failed:
                break
    except WaitTimeout:
        pass
    done = [expr for expr in listed if expr._outcome is not PENDING]
    return done, [expr for expr in listed if expr._outcome is PENDING]


def as_completed(exprs: Iterable[ObjectExpr[T]], timeout: float | None = None) -> Iterator[ObjectExpr[T]]:
    """Yield ``exprs`` as they are done, those that are done already first.

    Args:
        exprs: Results of calls; one that is given twice is yielded once.
        timeout: Seconds for all of them together, from this call on; None waits for ever.

    Raises:
        WaitTimeout: The next one is not done in time.
    """
    deadline = None if timeout is None else monotonic() + timeout
    return _Arrivals(list(dict.fromkeys(exprs)), deadline)


async def gather(*exprs: Any, return_exceptions: bool = False) -> list[Any]:
    """Await the values of ``exprs`` in their order.

    Args:
        exprs: ObjectExprs, or calls of a `FlameAsyncRunner`'s services.
        return_exceptions: Return errors in the place of values instead of raising the first.
    """
    values = []
    for item in exprs:
        expr = getattr(item, "expr", item)
        outcome = expr._outcome
        if outcome is not PENDING and not isinstance(outcome, Outcome):
            values.append(outcome)
            continue
        try:
            values.append(await expr)
        except Exception as error:
            if not return_exceptions:
                raise
            values.append(error)
    return values


class _Arrivals:
    """The iterator of `as_completed`."""

    def __init__(self, exprs: list[Any], deadline: float | None) -> None:
        self._left = len(exprs)
        self._deadline = deadline
        self._arrived: deque[Any] = deque()
        self._ticket: Completion | None = None
        self._exprs = exprs
        for expr in exprs:
            expr.add_done_callback(self._on_done)

    def _on_done(self, expr: Any) -> None:
        self._arrived.append(expr)
        ticket, self._ticket = self._ticket, None
        if ticket is not None:
            source: Any = ticket._source
            source.settle(ticket, None)

    def __iter__(self) -> _Arrivals:
        return self

    def __next__(self) -> Any:
        if not self._left:
            raise StopIteration
        while not self._arrived:
            self._wait()
        self._left -= 1
        return self._arrived.popleft()

    def _wait(self) -> None:
        ticket = Completion()
        pending = next(expr for expr in self._exprs if expr._outcome is PENDING)
        ticket._source = pending._source
        self._ticket = ticket
        if self._arrived:
            return
        left = None if self._deadline is None else max(0.0, self._deadline - monotonic())
        if not ticket._source.wait(ticket, left) and not self._arrived:
            raise WaitTimeout(f"{self._left} of {len(self._exprs)} results were not there in time")


def _failed(expr: Any) -> bool:
    outcome = expr._outcome
    peek = getattr(outcome, "peek", None)
    return peek is not None
