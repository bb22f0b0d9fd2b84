"""How much executors are given ahead, and when more of them pay: pure functions of what was measured.

Two things look alike from here: a call that takes long, and one that travels far. They want opposite answers, few calls
ahead and more executors for the first, many calls ahead and no more executors for the second. So executors that are far
away say how long they were busy (`Say.SPENT`), and what is missing to the whole is the way there and back.
"""

from __future__ import annotations

WINDOW = 1024
"""Calls in flight to one executor at most, where the way takes no time."""

WIDEST = 16384
"""The same where it does: enough for calls of 10 µs at the other end of the world."""

WORK_AHEAD = 0.001
"""Seconds of work that one of several executors is given ahead."""

BACKLOG_SECONDS = 0.02
"""Seconds of queued work that are worth one more executor, if it starts at once."""

LONGEST_START = 1.0
"""Seconds of queued work that are worth one more executor however long it takes to start: the first may have installed
what the next ones find."""

DOUBT = 0.05
"""Seconds without an answer of an executor that is far away after which its calls are not small ones."""

FORGETFULNESS = 8
"""A way that has become longer is believed by one part in so many each time it is measured."""


def ahead(cost: float, latency: float) -> int:
    """Calls that one of several executors may have in flight.

    Args:
        cost: Seconds that a call takes; 0 while unknown.
        latency: Seconds that messages take there and back.

    Returns:
        As many as fill a moment, and the way there and back twice: once for those that are under way, and once more
        so that the executor has something to do while the answers travel.
    """
    if not cost:
        return 1
    most = WIDEST if latency else WINDOW
    return int(min(most, max(1.0, (WORK_AHEAD + 2 * latency) / cost)))


def window(cost: float, latency: float) -> int:
    """Calls that the only executor of a service may have in flight: never few, since nobody else can have them."""
    return max(WINDOW, ahead(cost, latency)) if latency else WINDOW


def believed(latency: float, sample: float) -> float:
    """The latency after one more was measured: a shorter one is true at once, a longer one may be somebody's delay."""
    sample = max(0.0, sample)
    return sample if sample < latency else latency + (sample - latency) / FORGETFULNESS


def wanted(links: int, queued: int, cost: float, start: float = 0.0, starting: int = 0) -> int:
    """How many executors a service should have.

    Args:
        links: How many it has, those too that are starting.
        queued: Calls that wait for one.
        cost: Seconds that a call takes; 0: so many that none was answered within a moment.
        start: Seconds that an executor takes to start, where that is no matter of milliseconds.
        starting: How many of ``links`` have not started: calls wait for them already.

    Returns:
        At least ``links``; never more than would have something to do, and where starting takes a while at most twice
        as many as have started: by the time that these have, it is known better what calls take.
    """
    if not start:
        return links + (min(queued, int(queued * cost / BACKLOG_SECONDS)) if cost else queued)
    working = links - starting
    most = min(working + queued, 2 * working)
    if not cost:
        return max(links, most)
    worth = max(BACKLOG_SECONDS, min(start, LONGEST_START))
    return max(links, min(most, 1 + int(queued * cost / worth)))
