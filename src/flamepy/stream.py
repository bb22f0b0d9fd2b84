"""A generator's items on their way: a few ahead of the consumer, never all of them at once.

The outcome of a call to a generator is a `Stream` from the moment that the generator runs. Iterating takes items as
they arrive and asks for more as they are taken (back-pressure by credit); `ObjectExpr.get` takes the whole as a list.
"""

from __future__ import annotations

from collections import deque

from flamepy.completion import PENDING, Completion, Failure, Outcome
from flamepy.errors import ServiceError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from typing import Any

AHEAD = 16
"""Items that an executor sends before it is asked for more."""

REFILL = 8
"""Items taken after which as many more are asked for."""

EVERYTHING = 1 << 30
"""Credit for a consumer that wants the whole list."""


class Stream(Outcome):
    """The items of one running generator; drivers feed it.

    Args:
        ask: Called with a number of items that may be sent in addition.
        stop: Called when nobody wants the rest.
        source: Who completes waiting tickets, see `flamepy.completion.Source`.

    Attributes:
        whole: Completed with the list of all items once somebody wants the list and the generator has ended.
    """

    __slots__ = (
        "__weakref__",
        "_ask",
        "_consumer",
        "_ended",
        "_failure",
        "_items",
        "_stop",
        "_taken",
        "_ticket",
        "whole",
    )

    def __init__(self, ask: Callable[[int], object], stop: Callable[[], object], source: Any) -> None:
        self._ask, self._stop = ask, stop
        self._items: deque[Any] = deque()
        self._ended = False
        self._failure: Failure | None = None
        self._taken = 0
        self._consumer = ""
        self._ticket: Completion | None = None
        self.whole = Completion()
        self.whole._source = source

    # ---- the driver's side

    def arrived(self, item: Any) -> Completion | None:
        """One more item, a plain value or an `Outcome`; returns a ticket that the driver completes with None."""
        self._items.append(item)
        return self._redeem()

    def end(self, failure: Failure | None) -> list[tuple[Completion, Any]]:
        """No more items; returns what the driver has to complete, with the outcomes."""
        self._ended, self._failure = True, failure
        ticket = self._redeem()
        todo: list[tuple[Completion, Any]] = [] if ticket is None else [(ticket, None)]
        if self._consumer == "list":
            todo.append((self.whole, self._list()))
        return todo

    def _redeem(self) -> Completion | None:
        ticket, self._ticket = self._ticket, None
        return ticket

    def _list(self) -> Outcome:
        return self._failure if self._failure is not None else ListOf(list(self._items))

    # ---- the consumer's side

    @property
    def ended(self) -> bool:
        """Whether the generator has ended, well or not."""
        return self._ended

    def value(self, completion: Completion) -> Any:
        """Wait for the end and return all items as a list.

        Raises:
            ServiceError: It is being iterated over.
            BaseException: What the generator raised.
        """
        self.want_list()
        if self.whole._outcome is PENDING:
            self.whole._source.wait(self.whole, None)  # type: ignore[union-attr]
        return self.whole._outcome.value(completion)

    def error(self, completion: Completion) -> BaseException | None:
        """What the generator raised; None while it runs or if it ended well."""
        return None if self._failure is None else self._failure.error(completion)

    def want_list(self) -> None:
        """Somebody wants the whole: let everything come."""
        if self._consumer == "items":
            raise ServiceError("this stream is being iterated over; its items cannot be had again with get()")
        if self._consumer:
            return
        self._consumer = "list"
        if self._ended:
            self.whole.complete(self._list())
        else:
            self._ask(EVERYTHING)

    def want_items(self) -> None:
        """Somebody iterates."""
        self._consumer = self._consumer or "items"

    @property
    def drained(self) -> bool:
        """Whether it has ended and all items have been taken."""
        return self._ended and not self._items

    @property
    def failure(self) -> Failure | None:
        """How it ended, if not well."""
        return self._failure

    def awaited_by(self, waited_for: Completion) -> bool:
        """Whether ``waited_for`` is what it gives to those who wait for more, or for the whole."""
        return waited_for is self._ticket or waited_for is self.whole

    @property
    def wanted(self) -> bool:
        """Whether anybody has asked for items, or for the whole."""
        return bool(self._consumer)

    @property
    def wanted_whole(self) -> bool:
        """Whether somebody has asked for the whole list."""
        return self._consumer == "list"

    def ticket(self) -> Completion | None:
        """A completion that is done when the next item or the end is there; None if it is there now."""
        if self._items or self._ended:
            return None
        ticket = Completion()
        ticket._source = self.whole._source
        self._ticket = ticket
        return None if self._items or self._ended else ticket

    def has_more(self) -> bool:
        """Whether `take` has an item; after a ticket is done. Raises what the generator raised, at its place."""
        if self._items:
            return True
        if self._failure is not None:
            self._failure.value(self.whole)
        return False

    def take(self) -> Any:
        """The next item, decoded."""
        item = self.pass_on()
        return item.value(self.whole) if isinstance(item, Outcome) else item

    def pass_on(self) -> Any:
        """The next item as it arrived, a plain value or an `Outcome`."""
        item = self._items.popleft()
        self._taken += 1
        if not self._ended and self._consumer == "items" and self._taken % REFILL == 0:
            self._ask(REFILL)
        return item

    def abandon(self) -> None:
        """Nobody wants the rest."""
        if not self._ended:
            self._ended = True
            self._stop()

    def __del__(self) -> None:
        if not self._ended and self._consumer != "list":
            self.abandon()


class ListOf(Outcome):
    """All items of a stream, decoded when somebody asks."""

    __slots__ = ("_items", "_values")

    def __init__(self, items: list[Any]) -> None:
        self._items = items
        self._values: list[Any] | None = None

    def value(self, completion: Completion) -> list[Any]:
        """Return the items as a list."""
        if self._values is None:
            self._values = [i.value(completion) if isinstance(i, Outcome) else i for i in self._items]
        return self._values


def items_of(completion: Completion) -> Iterator[Any]:
    """Yield a generator's items as they arrive, or the items of any other value.

    Raises:
        BaseException: What the task raised, after the items before it.
    """
    if completion._outcome is PENDING:
        completion._source.wait(completion, None)  # type: ignore[union-attr]
    stream = completion._outcome
    if not isinstance(stream, Stream):
        yield from stream.value(completion) if isinstance(stream, Outcome) else stream
        return
    stream.want_items()
    try:
        while True:
            ticket = stream.ticket()
            if ticket is not None:
                ticket._source.wait(ticket, None)  # type: ignore[union-attr]
            if not stream.has_more():
                return
            yield stream.take()
    finally:
        stream.abandon()


async def async_items_of(completion: Completion) -> AsyncIterator[Any]:
    """Yield like `items_of`, without blocking the event loop."""
    from flamepy.event_loop import future_of

    if completion._outcome is PENDING:
        await future_of(completion)
    stream = completion._outcome
    if not isinstance(stream, Stream):
        for item in stream.value(completion) if isinstance(stream, Outcome) else stream:
            yield item
        return
    stream.want_items()
    try:
        while True:
            ticket = stream.ticket()
            if ticket is not None:
                await future_of(ticket)
            if not stream.has_more():
                return
            yield stream.take()
    finally:
        stream.abandon()
