"""What a client's sessions and applications say of their lease, where a server of ours finds it, after a restart too.

A client that is killed says nothing more. So what it has opened carries a mark with a number of seconds, and calls of
``flamepy.Links/Keep`` renew it. A cluster that is not ours takes no notice of the mark.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

LEASE_SECONDS = 90
"""Without a word of the client; what it has is closed then."""

WORDS_PER_LEASE = 4
"""How often a client renews it in that time."""

_MARK = "flamepy-lease="


def lease_mark(seconds: int = LEASE_SECONDS) -> str:
    """Return the mark: a label of an application, or a session's common data.

    Example:
        >>> lease_mark(90)
        'flamepy-lease=90'
    """
    return f"{_MARK}{seconds}"


def lease_of(labels: Iterable[str]) -> int | None:
    """Return the seconds of the mark among some texts; None if there is none.

    Example:
        >>> lease_of(["flamepy", "flamepy-lease=90"])
        90
    """
    for label in labels:
        if label.startswith(_MARK) and label[len(_MARK) :].isdecimal():
            return int(label[len(_MARK) :][:9])
    return None
