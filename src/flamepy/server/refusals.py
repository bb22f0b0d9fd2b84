"""What the server refuses, and why."""

from __future__ import annotations

from enum import Enum

from flamepy.errors import EngineError


class Why(Enum):
    """Kinds of refusals; the Frontend gives each its status code."""

    NOT_FOUND = "not found"
    EXISTS = "already exists"
    INVALID = "invalid"
    INTERNAL = "internal"


class Refused(EngineError):
    """The server does not do what it was asked for.

    Args:
        why: The kind.
        message: What is wrong with the request, in the words that clients of Flame know.

    Example:
        >>> Refused(Why.NOT_FOUND, "session s-1 not found").why
        <Why.NOT_FOUND: 'not found'>
    """

    def __init__(self, why: Why, message: str) -> None:
        super().__init__(message)
        self.why = why
