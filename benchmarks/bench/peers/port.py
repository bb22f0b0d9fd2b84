"""What a peer has to offer; what it cannot do, it does not override."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Unsupported(Exception):
    """The peer has no answer to this question."""


class Peer:
    """A running engine with its executors, one stateful service (`work.Counter`) and functions.

    Two ways to call, because they are written differently with most peers: ``asker`` gives a callable that returns the
    value, for round trips; ``submitter`` gives one that only submits, and ``collect`` turns what it returned into
    values, for pipelined calls.

    Args:
        executors: Processes for functions.
    """

    def __init__(self, executors: int = 2) -> None:
        self.executors = executors

    def start(self) -> None:
        """Start whatever the peer needs, so that the first call finds it warm."""
        raise NotImplementedError

    def stop(self) -> None:
        """End all processes."""
        raise NotImplementedError

    def ask_method(self, name: str, service: int = 0) -> Callable[..., Any]:
        """Return a callable: call a method of the stateful service and return its value.

        Args:
            name: A method of `work.Counter`.
            service: Which of two independent services.
        """
        raise Unsupported("it has no stateful service")

    def ask_function(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a callable: run the function in any executor and return its value."""
        raise Unsupported("it has no functions over several executors")

    def submit_method(self, name: str, service: int = 0) -> Callable[..., Any]:
        """Return a callable that submits a call of the stateful service."""
        raise Unsupported("its calls of a stateful service cannot be pipelined")

    def submit_function(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a callable that submits a call to any executor."""
        raise Unsupported("its function calls cannot be pipelined")

    def collect(self, submitted: Sequence[Any]) -> list[Any]:
        """Return the values of everything submitted, in order."""
        raise NotImplementedError

    def map(self, function: Callable[..., Any], items: Sequence[Any]) -> list[Any]:
        """Run the function over the items, one task each, with the peer's own ``map``."""
        raise Unsupported("it has no map")

    def put(self, value: Any) -> Any:
        """Store a value once; the result may be an argument of `ask_function` and `ask_method`."""
        raise Unsupported("it has no objects by reference")

    def fetch(self, reference: Any) -> Any:
        """Return the value of a reference."""
        raise Unsupported("it has no objects by reference")

    def buffer(self, array: Any) -> Any:
        """Return a numpy array in the form in which the peer takes large arguments."""
        return array

    def gather(self, name: str, count: int) -> list[Any]:
        """Await ``count`` calls ``name(i, 1)`` of the service with `asyncio.gather`; returns seconds and values."""
        raise Unsupported("its futures cannot be awaited")

    def own_gather(self, name: str, count: int) -> list[Any]:
        """The same with what the peer itself offers for it."""
        raise Unsupported("it has none of its own")
