"""Calls that tasks make: they are queued like any other, and never deadlock.

A task that waits for such a call keeps its executor. Should all executors of the called service wait like that, or be
waited for, then queuing would be a deadlock; the call is run at once, above the task that waits, on its stack. Of
functions any waiting executor will do; an instance is entered again only by a call that its waiting task has caused,
or that it waits for in a circle.
"""

from __future__ import annotations

from flamepy.completion import PENDING, Completion, Encoded, Failure
from flamepy.engines.linked.calls import Extra
from flamepy.engines.linked.forwarding import Forwarding, record_of
from flamepy.errors import EngineError, ServiceClosed
from flamepy.model.specs import CallOptions
from flamepy.serialization import codec
from flamepy.stream import Stream
from flamepy.wire.frames import Ask, Say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flamepy.engines.linked.engine import LinkedEngine
    from flamepy.engines.linked.links import Link
    from flamepy.engines.linked.session import LinkedSession


class Nesting:
    """Serves the calls of tasks, for one engine."""

    def __init__(self, engine: LinkedEngine) -> None:
        self._engine = engine
        self._count = 0

    # ---- news of executors

    def called(self, link: Link, number: int, session_id: str, method: int, payload: Any, how: Any) -> None:
        """A task calls a service."""
        engine = self._engine
        completion = Completion()
        engine.nested_calls += 1
        link.calls[number] = completion
        completion.when_done(lambda done: self._answer(link, number, done))
        session = engine.sessions.get(session_id)
        if session is None or session.closed:
            error = ServiceClosed(f"the service {session_id} called from a task is closed")
            completion.complete(Failure(lambda: error, session_id))
            return
        completion._source = session
        try:
            options = session.spec.defaults if how is None else _options(*how)
        except Exception as error:  # noqa: BLE001 - unpickling raises what it likes
            refusal = EngineError(f"the retry_exceptions of a call made by a task cannot be read here: {error!r}")
            completion.complete(Failure(lambda: refusal, session_id))
            return
        extra = Extra(options, link)
        extra.keep = engine.objects.lease_of(payload, link)
        completion._method, completion._payload, completion._extra = method, payload, extra
        session.take(completion)

    def _answer(self, link: Link, number: int, completion: Completion) -> None:
        self._engine.nested_calls -= 1
        if link.ended:
            return
        outcome = completion._outcome
        if isinstance(outcome, Stream):
            self._forward(link, number, outcome)
            return
        reply: Any = outcome
        if isinstance(outcome, Failure):
            reply = (Say.FAILED, record_of(outcome))
        elif isinstance(outcome, Encoded):
            reply = outcome.form
        elif hasattr(outcome, "value"):
            reply = self._engine.answers._encode(completion)
        if type(reply) is not tuple or reply[0] == Say.FAILED or reply[2:3] in ((), (None,)):
            link.calls.pop(number, None)  # nothing of it stays in shared memory
        link.note(Ask.ANSWER, (number, reply))

    def _forward(self, link: Link, number: int, stream: Stream) -> None:
        forward = link.forwards[number] = Forwarding(link, number, stream)
        link.note(Ask.ANSWER, (number, (Say.STREAM, number)))
        forward.pump()

    def credit(self, link: Link, number: int, items: int) -> None:
        """A task takes more items of a stream."""
        if number in link.forwards:
            link.forwards[number].asked(items)

    def stop(self, link: Link, number: int) -> None:
        """A task wants no more items of a stream."""
        forward = link.forwards.pop(number, None)
        link.calls.pop(number, None)
        if forward is not None:
            forward.stop()

    def cancel(self, link: Link, number: int) -> None:
        """A task cancels its call."""
        completion = link.calls.get(number)
        if completion is not None and completion._source is not None:
            completion._source.cancel(completion)

    def waiting(self, link: Link, number: int) -> None:
        """A task waits for its call ``number`` (0: no longer)."""
        link.waiting = number
        if not number:
            link.session.pump()
            return
        for session in list(self._engine.sessions.values()):
            if session.queued:
                session.pump()

    # ---- calls that cannot wait

    def lift(self, session: LinkedSession) -> None:
        """Run queued calls of tasks above waiting tasks, if nobody else could ever run them."""
        passed_over: set[Link] = set()  # the calls of one task to one instance stay in their order
        for entry in list(session.queued) if self._all_wait(session) else ():
            extra = entry._extra
            if extra is None or extra.caller is None or extra.caller in passed_over:
                continue
            host = None if extra.missing else self._host(session, extra.caller)
            if host is None:
                passed_over.add(extra.caller)
                continue
            session.queued.remove(entry)
            session.specials -= 1
            if entry._outcome is PENDING:
                self._run_above(host, entry)

    def _all_wait(self, session: LinkedSession) -> bool:
        waiting = sum(1 for link in session.links if link.waiting and not link.ended)
        return waiting >= max(1, len(session.links), session.spec.min_instances)

    def _host(self, session: LinkedSession, caller: Link) -> Link | None:
        waiting = [link for link in session.links if link.waiting and not link.ended]
        if not session.spec.stateful:
            if len(session.links) < session.spec.max_instances and session.grow():
                return None  # another executor is on its way
            return caller if caller in waiting else waiting[-1]
        return next((link for link in waiting if self._descends(caller, link) or self._circle(caller, link)), None)

    def _descends(self, caller: Link | None, ancestor: Link) -> bool:
        """Whether ``caller`` runs what ``ancestor`` has caused."""
        seen: set[int] = set()
        while caller is not None and caller.number not in seen:
            if caller is ancestor:
                return True
            seen.add(caller.number)
            caller = _caller_of(caller)
        return False

    def _circle(self, caller: Link, host: Link) -> bool:
        """Whether ``host`` waits, over any number of others, for ``caller``."""
        seen: set[int] = set()
        link: Link | None = host
        while link is not None and link.waiting and link.number not in seen:
            seen.add(link.number)
            link = self._awaited(link)
            if link is caller:
                return True
        return False

    def _awaited(self, link: Link) -> Link | None:
        """The executor that has, or will have, the call that ``link`` waits for."""
        completion = link.calls.get(link.waiting)
        session: Any = completion._source if completion is not None else None
        if session is None:
            return None
        for other in session.links:
            if any(entry is completion for entry in other.outstanding()):
                return other  # type: ignore[no-any-return]
        return session.links[0] if session.links else None

    def _run_above(self, host: Link, entry: Completion) -> None:
        self._count += 1
        host.above[self._count] = entry
        host.note(Ask.NESTED, (self._count, entry._method, entry._payload))


def _options(timeout: float | None, retries: int, priority: int, types: bytes) -> CallOptions:
    """The options of a call as a task has sent them; exception types are pickled."""
    named = codec.loads(types) if types else ()
    return CallOptions(timeout=timeout, retries=retries, retry_exceptions=named, priority=priority)


def _caller_of(link: Link) -> Link | None:
    """Whose task caused what this executor runs now, innermost first."""
    running = list(link.above.values())[-1:] or list(link.pending)[:1]
    extra = running[0]._extra if running else None
    return extra.caller if extra else None
