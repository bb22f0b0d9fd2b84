"""An executor that is far away: what its calls take, and what the way to it takes, are two figures; see `pace`."""

from __future__ import annotations

from time import monotonic, perf_counter

from flamepy.engines.linked.links import Link
from flamepy.engines.linked.pace import DOUBT, believed, wanted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flamepy.completion import Completion
    from flamepy.engines.linked.session import LinkedSession


class DistantLink(Link):
    """The connection to an executor that says how long it was busy (`Say.SPENT`).

    The way is measured with messages to an executor that has nothing to do: of the time until the first answer, what
    it was not busy was spent on the way.
    """

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self.latency: float = self.session.engine.latency
        self.created = monotonic()
        self._uncounted = 0
        self._left = 0.0
        self._fresh = True

    def send(self, entries: list[Completion]) -> None:
        """Send calls."""
        if not self.pending:
            self._left = perf_counter() if self.ready else 0.0
        super().send(entries)

    def send_one(self, entry: Completion) -> None:
        """Send a plain call to an idle executor."""
        self._left = perf_counter() if self.ready else 0.0
        super().send_one(entry)

    def _settle(self, count: int) -> None:
        cost = self.session.cost
        spent, self.spent = self.spent, 0.0
        if count and self._left:
            self.latency = believed(self.latency, perf_counter() - self._left - spent)
            self._left = 0.0
        self._uncounted += count
        if spent and self._uncounted:
            cost = self._cost(cost, spent / self._uncounted)
            self._uncounted = 0
        super()._settle(count)
        self.session.cost = cost  # by its own account, and not by our clock

    def _cost(self, cost: float, sample: float) -> float:
        """What calls of the service take, after one more measurement: an executor's first may have loaded modules."""
        fresh, self._fresh = self._fresh, False
        if fresh:
            return cost or sample
        known, self.session.warm = self.session.warm, True
        return (cost + sample) / 2 if known and cost else sample


def wanted_far_away(session: LinkedSession) -> int:
    """How many executors a service should have that takes a while to start one.

    None beside the first until that has started, and then as long as its first call may still be a short one.
    """
    links = list(session.links)
    if not links:
        return 1
    ready = [link for link in links if link.ready and isinstance(link, DistantLink)]
    if not ready or not (session.cost or any(link.pending and link.slow(DOUBT) for link in ready)):
        return len(links)
    start = max(1e-3, min(link.ready_since - link.created for link in ready))
    return wanted(len(links), len(session.queued), session.cost, start, len(links) - len(ready))
