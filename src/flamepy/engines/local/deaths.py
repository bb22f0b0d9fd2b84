"""Executors that end without being asked to: what becomes of their calls, and of their service.

Which call killed it is known from the shared progress file, where each executor writes what it runs. That one fails
or is tried again; those behind it were not begun and simply go elsewhere. Calls that were done and whose answers were
not sent count as begun: running them twice is for the user to allow, by ``retries=``.
"""

from __future__ import annotations

import os
import signal

from flamepy.completion import failure_of
from flamepy.errors import ExecutorDied, ServiceFailed, StateLost
from flamepy.scheduling.events import SessionClosed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flamepy.completion import Completion
    from flamepy.engines.local.engine import LocalEngine
    from flamepy.engines.local.links import Link
    from flamepy.engines.local.session import LocalSession

MAX_FALSE_STARTS = 3
"""Executors of a service that may die before they are ready, in a row."""


class Deaths:
    """Settles what dead executors leave, for one engine."""

    def __init__(self, engine: LocalEngine) -> None:
        self._engine = engine
        self._false_starts: dict[str, int] = {}

    def started(self, session: LocalSession) -> None:
        """An executor of the service is ready: earlier deaths were no matter of its code."""
        self._false_starts.pop(session.id, None)

    def settle(self, link: Link, status: int | None, running: int) -> None:
        """Fail, repeat or hand on the calls of a dead executor.

        Args:
            link: The executor; nothing is sent to it any more.
            status: The wait status of its process; None if nobody knows.
            running: Number of the call that it ran, 0 for none.
        """
        session = link.session
        entries = list(link.pending)
        link.pending.clear()
        started = max(0, running - link.answered) if link.ready else 0
        begun, waiting = entries[:started], entries[started:]
        begun += [*link.promises.values(), *link.above.values()]
        retried = [entry for entry in begun if self._outlives(session, entry)]
        again = {id(entry) for entry in retried}
        for entry in begun:
            if id(entry) not in again:
                self._fail(session, entry, link, status)
        self._end_streams(link, status)
        if not link.ready and self._is_false_start(session, link, status):
            waiting += retried
            retried = []
        elif link.ready and session.loses_state:
            self._lose_state(session, link, status)
        replay, session.replay = session.replay, []
        session.requeue([*replay, *retried, *waiting])
        if session.broken:  # nobody will ever take them
            self.fail_all(session, session.broken)

    def fail_service(self, session: LocalSession, error: BaseException) -> None:
        """Nothing of this service can run: let its executors go; all its calls fail, now and later."""
        session.break_down(error)
        self.fail_all(session, error)
        self._engine.fleet.happened(SessionClosed(session.id))

    def fail_all(self, session: LocalSession, error: BaseException) -> None:
        """Give every call without an outcome this one."""
        entries = list(session.outstanding())
        session.queued.clear()
        session.specials = 0
        for entry in entries:
            label = session.label(entry._method)
            session.settle(entry, self._engine.answers.failure(session, entry, failure_of(error, label)))

    def _end_streams(self, link: Link, status: int | None) -> None:
        session = link.session
        for stream in link.open_streams():
            error = failure_of(self._death(session, link, status, "a stream"), session.spec.name)
            self._engine.answers.failure(session, stream.whole, error)
            for completion, outcome in stream.end(error):
                session.settle(completion, outcome)
        link.streams.clear()

    def _is_false_start(self, session: LocalSession, link: Link, status: int | None) -> bool:
        """Whether the service can be given up, because executors die again and again before they are ready."""
        count = self._false_starts[session.id] = self._false_starts.get(session.id, 0) + 1
        if count < MAX_FALSE_STARTS or session.closed:
            return False
        error = ServiceFailed(
            f"service '{session.spec.name}' could not start: {count} executors ended while they created it; "
            f"the last one {describe_end(status)}{_tail(link)}",
            service=session.spec.name,
        )
        self.fail_service(session, error)
        return True

    def _lose_state(self, session: LocalSession, link: Link, status: int | None) -> None:
        """The only instance of a service is gone, with what it had in memory."""
        error = StateLost(
            f"the instance of service '{session.spec.name}' is gone: its executor (pid {link.pid}) "
            f"{describe_end(status)}{_tail(link)}\nCreate the service again, or give it checkpoint=1 "
            "so that its state is saved and restored",
            **_facts(session, link, status),
        )
        self.fail_service(session, error)

    def _outlives(self, session: LocalSession, entry: Completion) -> bool:
        """Whether a call that was running may be run again (and is counted as tried once more)."""
        extra = entry._extra
        if extra is None or extra.retries <= 0 or extra.why == "cancel":
            return False
        if session.spec.stateful and session.spec.checkpoint is None:
            return False
        extra.retries -= 1
        extra.why = ""
        return True

    def _fail(self, session: LocalSession, entry: Completion, link: Link, status: int | None) -> None:
        extra, answers = entry._extra, self._engine.answers
        if extra is not None and extra.why == "cancel":
            session.settle(entry, answers.cancelled(session, entry))
        elif extra is not None and extra.why == "timeout":
            session.settle(entry, answers.timeout(session, entry))
        else:
            label = session.label(entry._method)
            error = self._death(session, link, status, label)
            session.settle(entry, answers.failure(session, entry, failure_of(error, label)))

    def _death(self, session: LocalSession, link: Link, status: int | None, what: str) -> ExecutorDied:
        return ExecutorDied(
            f"the executor (pid {link.pid}) of {what} {describe_end(status)} while the task ran{_tail(link)}",
            **_facts(session, link, status),
        )


def _facts(session: LocalSession, link: Link, status: int | None) -> dict[str, Any]:
    """The attributes of an error about a dead executor."""
    code = os.waitstatus_to_exitcode(status) if status is not None else None
    return {
        "exitcode": code if code is not None and code >= 0 else None,
        "signal": -code if code is not None and code < 0 else None,
        "pid": link.pid,
        "stderr": "\n".join(link.tail),
        "service": session.spec.name,
    }


def describe_end(status: int | None) -> str:
    """Say how a process ended, from its wait status."""
    if status is None:
        return "ended for an unknown reason"
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = "unknown"
    hint = " (often the system's out-of-memory killer)" if -code == signal.SIGKILL else ""
    return f"was killed by signal {-code} ({name}){hint}"


def _tail(link: Link) -> str:
    return "; its last output:\n  " + "\n  ".join(link.tail) if link.tail else ""
