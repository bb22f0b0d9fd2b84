"""One service: its executors, its counts, and its end. Its calls are in `queue`."""

from __future__ import annotations

from time import time

from flamepy.engines.linked.checkpoints import Checkpoint
from flamepy.engines.linked.queue import CallQueue
from flamepy.errors import EngineClosed, ServiceClosed
from flamepy.model.lifecycle import SESSION_TRANSITIONS, SessionEvent, SessionState, advance

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from flamepy.completion import Completion
    from flamepy.engines.linked.engine import LinkedEngine
    from flamepy.engines.linked.links import Link
    from flamepy.model.specs import SessionSpec


class LinkedSession(CallQueue):
    """An open service; see `flamepy.engines.port.Session`.

    Attributes:
        state: Open or closed.
        failures: The latest failures, to be reported if nobody looks at them.
        reason: Why the scheduling core gives it no executor; empty if it does.
        checkpoint: What brings its instance back, if it has checkpoints.
        broken: Why nothing of it can run any more; None while it can.
    """

    def __init__(self, engine: LinkedEngine, session_id: str, spec: SessionSpec) -> None:
        super().__init__(engine, spec)
        self.id = session_id
        self.state = SessionState.OPEN
        self.created = time()
        self.succeeded = self.failed = self.cancelled = 0
        self.failures: list[Any] = []
        self.reason = ""
        self.checkpoint = Checkpoint(self)
        self.broken: BaseException | None = None
        self.outcome_of = engine.answers.outcome_of

    def __reduce__(self) -> tuple[Any, ...]:
        from flamepy.runtime.nested import NestedSession

        return NestedSession, (self.id, self.spec.name, None if self._trivial else self.spec.defaults)

    def __repr__(self) -> str:
        return f"<session {self.id}: {self.state.value}, {len(self.queued)} queued, {len(self.links)} executors>"

    # ---- executors come and go

    def grow(self, wanted: int | None = None) -> bool:
        """Ask for more executors; says whether there are more now."""
        return self.engine.want_executors(self, len(self.links) + 1 if wanted is None else wanted)

    def joined(self, link: Link) -> None:
        """A new executor may be given calls, even before it says that it is ready."""
        self.links.append(link)
        if link.is_open:
            self.idle.add(link)
        self.pump()

    def left(self, link: Link) -> None:
        """An executor is gone."""
        self.idle.discard(link)
        if link in self.links:
            self.links.remove(link)

    @property
    def loses_state(self) -> bool:
        """Whether the death of its executor takes what it had in memory along, for good."""
        return self._ordered and self.spec.checkpoint is None

    def restock(self) -> None:
        """An executor has died: see that somebody does what waits."""
        least = max(self.spec.min_instances, 1 if self.queued else 0)
        if len(self.links) < least and self.broken is None:
            self.grow(least)
        self.pump()

    def break_down(self, error: BaseException) -> None:
        """Nothing of it can run: take no more calls."""
        self.broken = self._closed = error

    def why_waiting(self) -> str:
        """Why its next call has not been handed out, as a sentence; empty if nothing waits for something special."""
        if not self.queued:
            return ""
        stuck = self.why_stuck()
        if stuck:
            return stuck
        try:
            extra = self.queued[0]._extra
        except IndexError:  # handed out just now
            return ""
        if extra is not None and extra.missing:
            return f"the next task needs {extra.missing} result(s) of other tasks that are not there"
        return ""

    def why_stuck(self) -> str:
        """Why it has no executor although calls wait, as a sentence; empty if it has one."""
        if not self.queued or any(link.ready for link in list(self.links)):
            return ""
        return self.reason or "its first executor is starting: importing its module, creating its object"

    # ---- the end

    @property
    def closed(self) -> bool:
        """Whether it takes no more calls."""
        return self._closed is not None

    def outstanding(self) -> Iterator[Completion]:
        """Every call without an outcome."""
        yield from list(self.parked.values())
        yield from list(self.queued)
        for link in list(self.links):
            yield from link.outstanding()

    def close(self, *, cancel: bool = False) -> None:
        """Take no more calls; wait for those taken (or cancel them) and let the executors go."""
        if self.state is SessionState.CLOSED or self.engine.closed:
            return
        error = EngineClosed if self.engine.closing else ServiceClosed
        what = "its runner has been left" if self.engine.closing else "it was closed"
        closed = error(f"service '{self.spec.name}' takes no calls: {what}", service=self.spec.name)
        self._closed = self.broken or closed
        if not cancel:
            self.engine.drain_session(self)
        self._answers.cancel_all(self)
        self.state = advance(SESSION_TRANSITIONS, f"session {self.id}", self.state, SessionEvent.CLOSE)
        self.engine.session_closed(self)

    def abort(self) -> None:
        """Close without waiting for tasks: running ones are interrupted, waiting ones cancelled."""
        self.close(cancel=True)
