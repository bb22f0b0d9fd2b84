"""Executors that end without being asked to: what becomes of their calls, and of their service.

Which call killed it is known from a cell outside of its process, where an executor writes what it runs. That one fails
or is tried again; those behind it were not begun and simply go elsewhere. Calls that were done and whose answers were
not sent count as begun: running them twice is for the user to allow, by ``retries=``.
"""

from __future__ import annotations

import _signal
import os

from flamepy.completion import failure_of
from flamepy.engines.linked.calls import Extra
from flamepy.errors import EngineUnavailable, ExecutorDied, ServiceFailed, StateLost
from flamepy.scheduling.events import SessionClosed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flamepy.completion import Completion
    from flamepy.engines.linked.engine import LinkedEngine
    from flamepy.engines.linked.links import Link
    from flamepy.engines.linked.process import End
    from flamepy.engines.linked.session import LinkedSession

MAX_MOVES = 3
"""How often a call may be run again because its machine was lost, besides its own retries."""

MAX_FALSE_STARTS = 3
"""Executors of a service that may die before they are ready, in a row."""


class Deaths:
    """Settles what dead executors leave, for one engine."""

    def __init__(self, engine: LinkedEngine) -> None:
        self._engine = engine
        self._false_starts: dict[str, int] = {}

    def started(self, session: LinkedSession) -> None:
        """An executor of the service is ready: earlier deaths were no matter of its code."""
        self._false_starts.pop(session.id, None)

    def settle(self, link: Link, end: End) -> None:
        """Fail, repeat or hand on the calls of a dead executor.

        Args:
            link: The executor; nothing is sent to it any more.
            end: How it ended, and what it ran.
        """
        session = link.session
        entries = list(link.pending)
        link.pending.clear()
        started = _begun(link, end, len(entries))
        begun, waiting = entries[:started], entries[started:]
        begun += [*link.promises.values(), *link.above.values()]
        retried = [entry for entry in begun if self._outlives(session, entry, end)]
        again = {id(entry) for entry in retried}
        for entry in begun:
            if id(entry) not in again:
                self._fail(session, entry, link, end)
        self._end_streams(link, end)
        if end.unreachable:
            self.fail_service(session, _out_of_reach(session, end))
        elif not link.ready and not end.infrastructure and self._is_false_start(session, link, end):
            waiting += retried
            retried = []
        elif link.ready and session.loses_state:
            self._lose_state(session, link, end)
        session.requeue([*session.checkpoint.take_replay(), *retried, *waiting])
        if session.broken:  # nobody will ever take them
            self.fail_all(session, session.broken)

    def fail_service(self, session: LinkedSession, error: BaseException) -> None:
        """Nothing of this service can run: let its executors go; all its calls fail, now and later."""
        session.break_down(error)
        self.fail_all(session, error)
        self._engine.fleet.happened(SessionClosed(session.id))

    def fail_all(self, session: LinkedSession, error: BaseException) -> None:
        """Give every call without an outcome this one."""
        entries = list(session.outstanding())
        session.queued.clear()
        session.specials = 0
        for entry in entries:
            label = session.label(entry._method)
            session.settle(entry, self._engine.answers.failure(session, entry, failure_of(error, label)))

    def _end_streams(self, link: Link, end: End) -> None:
        session = link.session
        for stream in link.open_streams():
            error = failure_of(self._death(session, link, end, "a stream"), session.spec.name)
            self._engine.answers.failure(session, stream.whole, error)
            for completion, outcome in stream.end(error):
                session.settle(completion, outcome)
        link.streams.clear()

    def _is_false_start(self, session: LinkedSession, link: Link, end: End) -> bool:
        """Whether the service can be given up, because executors die again and again before they are ready."""
        count = self._false_starts[session.id] = self._false_starts.get(session.id, 0) + 1
        if count < MAX_FALSE_STARTS or session.closed:
            return False
        error = ServiceFailed(
            f"service '{session.spec.name}' could not start: {count} executors ended while they created it; "
            f"the last one {describe_end(end)}{_tail(link)}",
            service=session.spec.name,
        )
        self.fail_service(session, error)
        return True

    def _lose_state(self, session: LinkedSession, link: Link, end: End) -> None:
        """The only instance of a service is gone, with what it had in memory."""
        error = StateLost(
            f"the instance of service '{session.spec.name}' is gone: its executor (pid {link.pid}) "
            f"{describe_end(end)}{_tail(link)}\nCreate the service again, or give it checkpoint=1 "
            "so that its state is saved and restored",
            **_facts(session, link, end),
        )
        self.fail_service(session, error)

    def _outlives(self, session: LinkedSession, entry: Completion, end: End) -> bool:
        """Whether a call that was running may be run again (and is counted as tried once more)."""
        extra = entry._extra
        if end.unreachable or (extra is not None and extra.why == "cancel"):
            return False
        if session.spec.stateful and session.spec.checkpoint is None:
            return False
        if end.infrastructure and _may_move(session, entry):
            return True
        if extra is None or extra.retries <= 0:
            return False
        extra.retries -= 1
        extra.why = ""
        return True

    def _fail(self, session: LinkedSession, entry: Completion, link: Link, end: End) -> None:
        extra, answers = entry._extra, self._engine.answers
        if extra is not None and extra.why == "cancel":
            session.settle(entry, answers.cancelled(session, entry))
        elif extra is not None and extra.why == "timeout":
            session.settle(entry, answers.timeout(session, entry))
        else:
            label = session.label(entry._method)
            error = self._death(session, link, end, label)
            session.settle(entry, answers.failure(session, entry, failure_of(error, label)))

    def _death(self, session: LinkedSession, link: Link, end: End, what: str) -> ExecutorDied | EngineUnavailable:
        if end.unreachable:
            return _out_of_reach(session, end)
        return ExecutorDied(
            f"the executor (pid {link.pid}) of {what} {describe_end(end)} while the task ran{_tail(link)}",
            **_facts(session, link, end),
        )


def _out_of_reach(session: LinkedSession, end: End) -> EngineUnavailable:
    name = session.spec.name
    return EngineUnavailable(
        f"{end.unreachable}: what service '{name}' had not answered is given up. See that the engine runs, and open "
        "the runner again"
    )


def _begun(link: Link, end: End, pending: int) -> int:
    """How many of the pending calls of a dead executor may have run."""
    if not link.ready:
        return 0
    return pending if end.running is None else max(0, end.running - link.answered)


def _may_move(session: LinkedSession, entry: Completion) -> bool:
    """Whether a call whose machine was lost is simply run again; one that loses machine after machine is not."""
    extra: Extra = entry._extra or Extra(session.spec.defaults)
    entry._extra = extra
    extra.moves += 1
    extra.why = ""
    return extra.moves <= MAX_MOVES


def _facts(session: LinkedSession, link: Link, end: End) -> dict[str, Any]:
    """The attributes of an error about a dead executor."""
    code = os.waitstatus_to_exitcode(end.status) if end.status is not None else None
    return {
        "exitcode": code if code is not None and code >= 0 else None,
        "signal": -code if code is not None and code < 0 else None,
        "pid": link.pid,
        "stderr": "\n".join(link.tail),
        "service": session.spec.name,
    }


def describe_end(end: End) -> str:
    """Say how an executor ended, from its wait status or the carrier's words."""
    if end.status is None:
        return end.reason or "ended for an unknown reason"
    code = os.waitstatus_to_exitcode(end.status)
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        from signal import Signals  # it makes four enums

        name = Signals(-code).name
    except ValueError:
        name = "unknown"
    hint = " (often the system's out-of-memory killer)" if -code == _signal.SIGKILL else ""
    return f"was killed by signal {-code} ({name}){hint}"


def _tail(link: Link) -> str:
    return "; its last output:\n  " + "\n  ".join(link.tail) if link.tail else ""
