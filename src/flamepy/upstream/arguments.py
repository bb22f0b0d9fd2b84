"""Arguments on their way into an executor: futures and references arrive as their values."""

from __future__ import annotations

from typing import Any

from flamepy.upstream.caches import noticed
from flamepy.upstream.execution import as_reference
from flamepy.upstream.objects import ObjectRef, get_object


class Fetched:
    """A reference that is unpickled as the object it refers to, fetched by whoever unpickles it.

    Args:
        ref: The reference.
    """

    def __init__(self, ref: ObjectRef) -> None:
        self._ref = ref

    def __reduce__(self) -> tuple[Any, ...]:
        return fetch, (self._ref.endpoint, self._ref.key, self._ref.version)


def fetch(endpoint: str, key: str, version: int) -> Any:
    """Fetch an object in an executor."""
    noticed(endpoint)
    return get_object(ObjectRef(endpoint, key, version))


def itself(value: Any) -> Any:
    """Return a value: what a future is unpickled as."""
    return value


def outgoing(value: Any) -> Any:
    """Return an argument as it is to be sent: a reference stands for its object, as upstream has it."""
    ref = as_reference(value)
    return value if ref is None else Fetched(ref)
