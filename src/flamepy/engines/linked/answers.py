"""What an answer means for its call: a value, an error, another try, a promise, a stream - and cancelling."""

from __future__ import annotations

import weakref
from functools import partial
from time import monotonic

from flamepy.completion import PENDING, Completion, Encoded, Failure, failure_of
from flamepy.engines.linked.calls import Extra, Replay
from flamepy.errors import DependencyFailed, TaskCancelled, TaskTimeout
from flamepy.serialization import failures
from flamepy.stream import Stream
from flamepy.wire.frames import Ask, Say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from flamepy.engines.linked.engine import LinkedEngine
    from flamepy.engines.linked.links import Link
    from flamepy.engines.linked.session import LinkedSession

MAX_FAILURES = 1000
"""Failures of a session that are remembered to be reported when the runner exits."""


class Answers:
    """Turns answers into outcomes, for one engine."""

    def __init__(self, engine: LinkedEngine) -> None:
        self._engine = engine

    def outcome_of(self, link: Link, entry: Completion, reply: Any) -> Any:
        """The outcome of a call by its answer; None if it has none yet (promised, streaming, tried again)."""
        kind = reply[0]
        if kind < Say.FAILED:
            return self._engine.objects.adopt(link, reply)
        if kind == Say.FAILED:
            return self._failed(link.session, entry, reply[1])
        if kind == Say.CANCELLED:
            return self._interrupted(link.session, entry, reply[1])
        link.session.succeeded -= 1  # it was counted as an answer, and will be again
        number = link.announced = reply[1]
        stream = None
        if kind == Say.PROMISE:
            link.promises[number] = entry
        else:
            stream = self._stream(link, number)
        for early in link.early.pop(number, ()):
            self._engine.fleet.news.handlers[early[0]](link, early)
        return stream

    def _stream(self, link: Link, number: int) -> Stream:
        def ask(items: int) -> None:
            link.note(Ask.CREDIT, (number, items))

        def stop() -> None:
            # The garbage collector may call it in the middle of anything: it takes no lock, others do the rest.
            link.streams.pop(number, None)
            link.stopped[number] = monotonic()
            link.session.cancelled += 1
            link.note(Ask.STOP_STREAM, number, now=False)
            if not self._engine.keeper.alert:
                self._engine.keeper.arm()

        stream = Stream(ask, stop, link.session)
        link.streams[number] = weakref.ref(stream)
        return stream

    def _failed(self, session: LinkedSession, entry: Completion, record: Any) -> Any:
        session.succeeded -= 1
        extra = entry._extra
        if extra is not None and extra.retries > 0 and extra.options.retry_exceptions and extra.why != "cancel":
            error = failures.rebuild(record)
            if isinstance(error, extra.options.retry_exceptions):
                self._again(session, entry)
                return None
        failure = Failure(lambda: failures.rebuild(record), session.label(entry._method))
        return self.failure(session, entry, failure, record)

    def _interrupted(self, session: LinkedSession, entry: Completion, why: str) -> Any:
        session.succeeded -= 1
        if why != "timeout":
            return self.cancelled(session, entry)
        return self.timed_out(session, entry)

    def timed_out(self, session: LinkedSession, entry: Completion) -> Any:
        """The outcome of a call that ran longer than it may: another try, or the error."""
        extra: Extra = entry._extra
        if extra.retries > 0:
            self._again(session, entry)
            return None
        return self.timeout(session, entry)

    def timeout(self, session: LinkedSession, entry: Completion) -> Failure:
        """The outcome of a call that ran longer than it may."""
        seconds = entry._extra.options.timeout
        error = TaskTimeout(
            f"{session.label(entry._method)} was stopped after {seconds:g} s, its timeout; "
            "give it more with .options(timeout=...), or make the task shorter",
            seconds=seconds,
        )
        return self.failure(session, entry, failure_of(error, session.label(entry._method)))

    def cancelled(self, session: LinkedSession, entry: Completion) -> Failure:
        """The outcome of a call that was cancelled; nobody has to look at it."""
        session.cancelled += 1
        label = session.label(entry._method)
        failure = failure_of(TaskCancelled(f"{label} was cancelled"), label)
        failure.seen = True
        return failure

    def failure(self, session: LinkedSession, entry: Completion, failure: Failure, record: Any = None) -> Failure:
        """Count a failure and remember it until somebody looks."""
        if type(entry) is Replay:
            failure.seen = True
            return failure
        session.failed += 1
        kept = session.failures
        kept.append((weakref.ref(failure), session.label(entry._method), record))
        if len(kept) > 2 * MAX_FAILURES:
            kept[:] = kept[-MAX_FAILURES:]
        return failure

    def settle_cancelled(self, session: LinkedSession, entry: Completion) -> None:
        """Give a call that will not be run its outcome."""
        session.settle(entry, self.cancelled(session, entry))

    def _again(self, session: LinkedSession, entry: Completion) -> None:
        entry._extra.retries -= 1
        entry._extra.why = ""
        session.requeue([entry])

    # ---- arguments that are results of other calls

    def await_arguments(self, session: LinkedSession, entry: Completion) -> bool:
        """See that the results among a call's arguments get their values; True if they have them already."""
        extra: Extra = entry._extra
        missing = [c for c in map(_whole, extra.found) if c._outcome is PENDING]
        if not missing:
            self._fill(session, entry)
            return True
        extra.missing = len(missing)
        for completion in missing:
            completion.when_done(partial(self._arrived, session, entry, extra))
        return False

    def _arrived(self, session: LinkedSession, entry: Completion, extra: Extra, completion: Completion) -> None:
        """One of the missing arguments of a call is there."""
        try:
            whole = _whole(completion)
            if whole is not completion:  # it has become a stream: now wait for its end
                whole.when_done(partial(self._arrived, session, entry, extra))
                return
            extra.missing -= 1
            if extra.missing:
                return
            self._fill(session, entry)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the call's outcome
            label = session.label(entry._method)
            session.settle(entry, self.failure(session, entry, failure_of(error, label)))
        session.arguments_ready(entry)

    def _fill(self, session: LinkedSession, entry: Completion) -> None:
        """Put the values of finished arguments into the call, or fail it with the first error among them.

        Raises:
            Exception: A value cannot be encoded, or there is no room for it.
        """
        if entry._outcome is not PENDING:
            return
        extra: Extra = entry._extra
        for completion in map(_whole, extra.found):
            outcome = completion._outcome
            if isinstance(outcome, Failure):
                self._fail_dependent(session, entry, outcome.error(completion))
                return
        entry._payload[2] = _values_of(map(_whole, extra.found), self._encode)
        extra.keep = (extra.keep, [c._outcome for c in extra.found])
        extra.found = []

    def _fail_dependent(self, session: LinkedSession, entry: Completion, cause: BaseException) -> None:
        label = session.label(entry._method)
        error = DependencyFailed(f"{label} was not run: an argument had failed with {type(cause).__name__}: {cause}")
        error.__cause__ = cause
        session.settle(entry, self.failure(session, entry, failure_of(error, label)))

    def _encode(self, completion: Completion) -> Any:
        value = completion._outcome
        if not isinstance(value, Encoded) and hasattr(value, "value"):
            value = value.value(completion)
        form, lease, _ = self._engine.objects.value(value)
        if lease is not None:
            completion._outcome = Encoded(form, self._engine.objects.decode, lease)
        return form

    # ---- cancelling

    def cancel(self, session: LinkedSession, completion: Completion) -> bool:
        """Cancel a call wherever it is; False if it has an outcome."""
        if completion._outcome is not PENDING:
            return False
        if self._cancel_queued(session, completion):
            return True
        for link in list(session.links):
            for number, entry in list(link.promises.items()):
                if entry is completion:
                    self._engine.deadlines.cancel_coroutine(link, number)
                    return True
            sequence = link.sequence_of(completion)
            if sequence:
                self._engine.deadlines.interrupt(link, completion, sequence, b"C")
                return True
        return completion._outcome is PENDING and self._cancel_parked(session, completion)

    def _cancel_queued(self, session: LinkedSession, completion: Completion) -> bool:
        for entry in list(session.queued):
            if entry is completion:
                try:
                    session.queued.remove(entry)
                except ValueError:  # sent a moment ago
                    return False
                if entry._extra is not None:
                    session.specials -= 1
                session.settle(completion, self.cancelled(session, entry))
                return True
        return False

    def _cancel_parked(self, session: LinkedSession, completion: Completion) -> bool:
        """A call that waits for its arguments is in no queue."""
        session.parked.pop(id(completion), None)
        session.settle(completion, self.cancelled(session, completion))
        return True

    def cancel_all(self, session: LinkedSession) -> None:
        """Cancel everything of a session that has no outcome."""
        self.cancel_queued(session)
        for entry in session.outstanding():
            if entry._outcome is PENDING:
                session.settle(entry, self.cancelled(session, entry))
        session.parked.clear()
        for stream in [stream for link in list(session.links) for stream in link.open_streams()]:
            # Somebody may wait for its next item at this moment.
            for completion, outcome in stream.end(self.cancelled(session, stream.whole)):
                session.settle(completion, outcome)

    def cancel_queued(self, session: LinkedSession) -> None:
        """Cancel what was not handed to an executor."""
        while session.queued:
            try:
                entry = session.queued.popleft()
            except IndexError:
                break
            session.settle(entry, self.cancelled(session, entry))
        session.specials = 0


def _whole(completion: Completion) -> Completion:
    """The completion of a stream's whole list in the place of the call that has become the stream."""
    stream = completion._outcome
    if not isinstance(stream, Stream):
        return completion
    stream.want_list()
    return stream.whole


def _values_of(found: Iterable[Completion], encode: Any) -> list[Any]:
    """The value forms of finished completions, passed on as they travelled where they did."""
    forms = []
    for completion in found:
        outcome = completion._outcome
        forms.append(outcome.form if type(outcome) is Encoded else encode(completion))
    return forms
