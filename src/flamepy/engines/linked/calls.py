"""Calls that are more than a method and short arguments.

A call is its completion: ``_method`` and ``_payload`` say what to run. One with options, large or pending arguments,
or a caller inside another task has an `Extra` as its ``_extra``.
"""

from __future__ import annotations

from flamepy.completion import Completion
from flamepy.model.specs import CallOptions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flamepy.engines.linked.links import Link

PLAIN = CallOptions()
"""The options of a call that has none."""


class Extra:
    """What a call needs beyond its method and payload.

    Attributes:
        options: How it is to run.
        retries: How often it may still be run again.
        missing: Completions among its arguments that have no outcome yet.
        found: All completions among its arguments, in the order of their places.
        keep: What has to live until it is answered (leases on segments).
        caller: The executor whose task made the call; None for the client itself.
        why: "cancel" or "timeout" once its interruption was asked for.
        attempt: How often it was sent with a deadline.
        moves: How often it was run again because its machine was lost.
    """

    __slots__ = ("__weakref__", "attempt", "caller", "found", "keep", "missing", "moves", "options", "retries", "why")

    def __init__(self, options: CallOptions, caller: Link | None = None) -> None:
        self.options = options
        self.retries = options.retries
        self.missing = 0
        self.found: list[Completion] = []
        self.keep: object = None
        self.caller = caller
        self.why = ""
        self.attempt = 0
        self.moves = 0

    @property
    def alone(self) -> bool:
        """Whether nothing may be sent behind it: its running time is measured from its sending."""
        return self.options.timeout is not None


class Replay(Completion):
    """A call that was answered once and is run again, to bring a restored instance up to date; nobody waits for it."""

    __slots__ = ()
