"""What the keeper sees to at each tick: queues, the number of executors, stuck ones, unused memory, reasons to wait."""

from __future__ import annotations

from time import monotonic

from flamepy.engines.linked.deadlines import GRACE
from flamepy.engines.linked.distant import wanted_far_away
from flamepy.engines.linked.pace import wanted
from flamepy.scheduling.events import ExecutorIdle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flamepy.engines.linked.engine import LinkedEngine
    from flamepy.engines.linked.links import Link
    from flamepy.engines.linked.session import LinkedSession

IDLE_SECONDS = 30.0
"""Seconds after which an executor that a service does not need is let go."""

TRIM_SECONDS = 10.0
"""Seconds between two looks at shared memory that nobody uses."""

PATIENCE = 5.0
"""Seconds without any executor after which the user of a service is told why."""


class Duties:
    """The standing duties of one engine; all on the keeper's thread."""

    def __init__(self, engine: LinkedEngine) -> None:
        self._engine = engine
        self._trimmed = monotonic()
        self._idle_since: dict[int, float] = {}
        self._waiting_since: dict[str, float] = {}

    def look(self) -> bool:
        """Send what has gathered, grow and shrink services; returns whether any task is unfinished."""
        working = False
        for session in list(self._engine.sessions.values()):
            if session.queued and session.broken is not None:  # submitted at the moment at which it broke
                self._engine.fleet.deaths.fail_all(session, session.broken)
            if session.queued:
                session.pump()
                if len(session.links) < session.spec.max_instances:
                    self._consider_growth(session)
            for link in list(session.links):
                link.flush_notes()
                if link.stopped:
                    self._end_stopped(link)
                working = working or link.busy
            working = working or bool(session.queued)
        self._rebalance()
        self._release_idle()
        self._explain_waits()
        return working

    def backlog(self) -> bool:
        """Whether calls wait in queues."""
        return any(session.queued for session in list(self._engine.sessions.values()))

    def _consider_growth(self, session: LinkedSession) -> None:
        """More executors if the queue holds more work than starting them costs."""
        if session.links and not any(
            link.is_open for link in list(session.links)
        ):  # the first one is on its way, and tells more
            return
        links, queued = len(session.links), len(session.queued)
        # Without an answer within a tick, these are not small tasks.
        far = self._engine.latency
        worth = wanted_far_away(session) if far else wanted(links, queued, session.cost)
        if worth > links:
            session.grow(worth)

    def _explain_waits(self) -> None:
        """Say why nothing happens, once it has not for a while; ``flmctl view`` says it at any time."""
        now = monotonic()
        for session in list(self._engine.sessions.values()):
            reason = session.why_stuck()
            if not reason:
                self._waiting_since.pop(session.id, None)
            elif now - self._waiting_since.setdefault(session.id, now) > PATIENCE:
                self._waiting_since[session.id] = now + 10 * PATIENCE
                self._engine.output.warn(session, f"tasks of '{session.spec.name}' have been waiting: {reason}")

    def _end_stopped(self, link: Link) -> None:
        """A generator that nobody wants any more and that does not come to its next item ends with its process."""
        fleet = self._engine.fleet
        longest = min(link.stopped.values(), default=monotonic())
        if monotonic() - longest <= GRACE or link.ended:
            return
        running = link.channel.running()
        if not running if running is not None else not link.pending:
            fleet.kill(link)

    def _rebalance(self) -> None:
        """Take calls back from an executor that is stuck in a long one, if another could have them."""
        for session in list(self._engine.sessions.values()):
            if session.spec.stateful or len(session.links) < 2 or session.queued:
                continue
            idle = [link for link in session.links if not link.pending and link.ready]
            for link in session.links:
                if idle and len(link.pending) > 1 and link.handed_back is None and link.slow():
                    link.channel.ring(b"H", 0)

    def _release_idle(self) -> None:
        now = monotonic()
        if now - self._trimmed > TRIM_SECONDS:
            self._trimmed = now
            self._engine.objects.trim()
        for number, link in list(self._engine.fleet.links.items()):
            if link.busy or link.session.spec.stateful:
                self._idle_since.pop(number, None)
            elif now - self._idle_since.setdefault(number, now) > IDLE_SECONDS:
                self._idle_since.pop(number)
                self._engine.fleet.happened(ExecutorIdle(number))
