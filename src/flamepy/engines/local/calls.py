"""Calls that are more than a completion, a method and short arguments.

A plain call is the tuple ``(completion, method, arguments)``. One with options, large or pending arguments, or a
caller inside another task carries an `Extra` as its fourth field.
"""

from __future__ import annotations

from flamepy.model.specs import CallOptions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flamepy.completion import Completion
    from flamepy.engines.local.links import Link

    Entry = tuple[Any, ...]

PLAIN = CallOptions()
"""The options of a call that has none."""


class Extra:
    """What a call needs beyond its three fields.

    Attributes:
        options: How it is to run.
        retries: How often it may still be run again.
        missing: Completions among its arguments that have no outcome yet.
        found: All completions among its arguments, in the order of their places.
        keep: What has to live until it is answered (leases on segments).
        caller: The executor whose task made the call; None for the client itself.
        dead: It was completed while it waited in the queue; skip it.
        why: "cancel" or "timeout" once its interruption was asked for.
    """

    __slots__ = ("caller", "dead", "found", "keep", "missing", "options", "retries", "why")

    def __init__(self, options: CallOptions, caller: Link | None = None) -> None:
        self.options = options
        self.retries = options.retries
        self.missing = 0
        self.found: list[Completion] = []
        self.keep: object = None
        self.caller = caller
        self.dead = False
        self.why = ""

    @property
    def alone(self) -> bool:
        """Whether nothing may be sent behind it: its running time is measured from its sending."""
        return self.options.timeout is not None


def extra_of(entry: Entry) -> Extra | None:
    """The `Extra` of a call, if it has one."""
    return entry[3] if len(entry) > 3 else None
