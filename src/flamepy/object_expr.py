"""ObjectExpr: what a call returns at once - a future and a reference to the object that it becomes."""

from __future__ import annotations

from flamepy.completion import PENDING, Completion, Outcome
from flamepy.errors import WaitTimeout
from flamepy.model.generic import Generic, T
from flamepy.serialization import codec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Generator, Iterator
    from typing import Any

SHOWN = 60
"""Characters of a value that ``repr`` shows."""


class ObjectExpr(Completion, Generic[T]):
    """The result of a call to a service, or of `FlameRunner.put`, wherever it is.

    Passed to another call, at any depth of its arguments, it arrives there as its value, which does not pass through
    this process if it is large. The object lives as long as any handle to it.

    Example:
        >>> with FlameRunner("demo") as runner:  # doctest: +SKIP
        ...     total = runner.service(sum)([1, 2, 3])
        ...     print(total.get())
        6
    """

    __slots__ = ()

    def get(self, timeout: float | None = None) -> T:
        """Return the value, waiting for it if need be; a generator's items as a list.

        Args:
            timeout: Seconds to wait; None waits for ever.

        Raises:
            WaitTimeout: It is not there in time; the task goes on.
            BaseException: What the task raised, as its own type, with the executor's traceback as ``__cause__``.
            ExecutorDied: The process of the task ended under it.
            TaskCancelled: It was cancelled.
        """
        outcome = self._outcome
        if outcome is PENDING:
            if not self._source.wait(self, timeout):  # type: ignore[union-attr]
                raise self._waited_too_long(timeout)
            outcome = self._outcome
        if isinstance(outcome, Outcome):
            return outcome.value(self)  # type: ignore[no-any-return]
        return outcome  # type: ignore[no-any-return]

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until there is an outcome; says whether there is one.

        Args:
            timeout: Seconds; None waits for ever.
        """
        if self._outcome is PENDING:
            assert self._source is not None
            self._source.wait(self, timeout)
        return self._outcome is not PENDING

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Return what the task raised, None if it returned; waits like `get`.

        Raises:
            WaitTimeout: There is no outcome in time.
        """
        if not self.wait(timeout):
            raise self._waited_too_long(timeout)
        outcome = self._outcome
        return outcome.error(self) if isinstance(outcome, Outcome) else None

    def cancel(self) -> bool:
        """Cancel the task: one that waits never runs; one that runs is interrupted, and killed if that does not help.

        Returns:
            False if it has an outcome already.
        """
        outcome = self._outcome
        if not outcome_ended(outcome):
            outcome.abandon()
            return True
        return outcome is PENDING and self._source is not None and self._source.cancel(self)

    def cancelled(self) -> bool:
        """Whether it was cancelled."""
        from flamepy.errors import TaskCancelled

        outcome = self._outcome
        return isinstance(outcome, Outcome) and isinstance(_peek(outcome, self), TaskCancelled)

    def add_done_callback(self, callback: Callable[[ObjectExpr[T]], object]) -> None:
        """Call ``callback(self)`` when there is an outcome: now, or on whichever thread sets it.

        Args:
            callback: Ought to be quick; an exception in it is logged.
        """
        self.when_done(callback)
        if self._outcome is PENDING and self._source is not None:
            self._source.watch(self)

    def __await__(self) -> Generator[Any, None, T]:
        """Await the value on the running event loop."""
        if self._outcome is PENDING:
            from flamepy.event_loop import future_of

            yield from future_of(self)
        outcome = self._outcome
        if not outcome_ended(outcome):
            from flamepy.event_loop import future_of

            outcome.want_list()
            yield from future_of(outcome.whole)
        return self.get()

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the items of a generator as they arrive, or over the value."""
        from flamepy.stream import items_of

        return items_of(self)

    def __aiter__(self) -> AsyncIterator[Any]:
        """Iterate over the items of a generator as they arrive, without blocking the event loop."""
        from flamepy.stream import async_items_of

        return async_items_of(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return codec.reference(self)

    def __repr__(self) -> str:
        return f"<ObjectExpr {self._describe()}>"

    def _repr_html_(self) -> str:
        import html

        return f"<code>ObjectExpr</code> <b>{html.escape(self._describe())}</b>"

    def _describe(self) -> str:
        outcome = self._outcome
        if outcome is PENDING:
            return "pending"
        if not outcome_ended(outcome):
            return "streaming"
        if not isinstance(outcome, Outcome):
            text = repr(outcome)
            return f"done: {text if len(text) <= SHOWN else text[: SHOWN - 3] + '...'}"
        error = _peek(outcome, self)
        return "done" if error is None else f"failed: {type(error).__name__}"

    def _waited_too_long(self, timeout: float | None) -> WaitTimeout:
        return WaitTimeout(
            f"no result after {timeout or 0:g} s; the task goes on: call get() again, give it more time, or cancel()",
            seconds=timeout,
        )


def outcome_ended(outcome: Any) -> bool:
    """False for a stream that still runs."""
    return not isinstance(outcome, Outcome) or outcome.ended


def _peek(outcome: Outcome, completion: Completion) -> BaseException | None:
    """The error of an outcome, without counting as having looked at it."""
    peek = getattr(outcome, "peek", None)
    return peek(completion) if peek is not None else None
