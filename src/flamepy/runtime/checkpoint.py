"""Saving the state of an instance at a moment that the instance itself chooses."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_wish: Callable[[], None] | None = None
"""Notes the wish; set once, when an executor is bound to an instance with checkpoints."""


def enter(wish: Callable[[], None]) -> None:
    """Make checkpoints possible in this process."""
    global _wish  # a process has one executor, and the object that asks knows nothing of it
    _wish = wish


def checkpoint() -> None:
    """Have the state of this service's instance saved as soon as the call that is running is done.

    For methods of an object that is a service with ``checkpoint=``; then a restart after its executor's death begins
    here, and only the calls since are run again. Anywhere else, in the user's own program too, it does nothing.

    Example:
        >>> class Training:
        ...     def epoch(self) -> None:
        ...         ...
        ...         flamepy.checkpoint()
        >>> training = runner.service(Training, checkpoint="manual")  # doctest: +SKIP
    """
    if _wish is not None:
        _wish()
