"""Who gets how many executors: a pure function of what everybody wants and what the machine has.

Sessions of higher priority come first. Among equals, the next executor always goes to the session whose dominant share
(its largest part of any one resource) is smallest; of two that are even, to the older one.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, NamedTuple

from flamepy.server.records import Need

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Claim(NamedTuple):
    """What one session wants.

    Attributes:
        session: Its id.
        priority: Higher ones come first.
        created: When it was opened.
        wanted: How many executors it could use now.
        need: What each of them takes.
    """

    session: str
    priority: int
    created: int
    wanted: int
    need: Need


def demand(pending: int, running: int, minimum: int, maximum: int | None) -> int:
    """Return how many executors a session could use.

    Example:
        >>> demand(pending=10, running=2, minimum=1, maximum=4)
        4
        >>> demand(pending=0, running=0, minimum=1, maximum=None)
        1
    """
    wanted = max(pending + running, minimum)
    return wanted if maximum is None else min(wanted, maximum)


def grants(claims: Iterable[Claim], capacity: Need, most: int) -> Mapping[str, int]:
    """Return how many executors each session gets.

    Args:
        claims: What the sessions want.
        capacity: What there is to share.
        most: How many executors there may be in all.

    Example:
        >>> grants([Claim("a", 0, 1, 9, Need(1)), Claim("b", 0, 2, 1, Need(1))], Need(4), most=100)
        {'a': 3, 'b': 1}
    """
    by_priority: dict[int, list[Claim]] = {}
    for claim in claims:
        by_priority.setdefault(claim.priority, []).append(claim)
    granted: dict[str, int] = {}
    room = capacity
    for priority in sorted(by_priority, reverse=True):
        room, most = _share(by_priority[priority], capacity, room, most, granted)
    return granted


def _share(claims: list[Claim], capacity: Need, room: Need, most: int, granted: dict[str, int]) -> tuple[Need, int]:
    heap = [(0.0, claim.created, claim.session, claim) for claim in claims if claim.wanted > 0]
    heapq.heapify(heap)
    while heap and most > 0:
        _, created, session, claim = heap[0]
        if not claim.need.fits(room):
            heapq.heappop(heap)
            continue
        room = room.plus(claim.need, -1)
        most -= 1
        have = granted[session] = granted.get(session, 0) + 1
        if have == claim.wanted:
            heapq.heappop(heap)
        else:
            heapq.heapreplace(heap, (_dominant(claim.need, have, capacity), created, session, claim))
    return room, most


def _dominant(need: Need, count: int, capacity: Need) -> float:
    """Return the largest part of any resource that so many executors take; those that take nothing share by number."""
    parts = [part * count / whole for part, whole in zip(need, capacity, strict=True) if whole and part]
    return max(parts, default=count / 1e6)
