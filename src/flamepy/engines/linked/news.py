"""What executors say besides answers: prints, items of streams, calls of their tasks, readiness, state."""

from __future__ import annotations

from flamepy.completion import Failure
from flamepy.serialization import failures
from flamepy.wire.frames import Say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from flamepy.engines.linked.engine import LinkedEngine
    from flamepy.engines.linked.links import Link


class News:
    """One handler for each kind, for one engine."""

    def __init__(self, engine: LinkedEngine) -> None:
        self._engine = engine
        self.handlers: dict[int, Callable[[Link, Any], object]] = {
            Say.LATE: self._in_turn(self._late),
            Say.ITEM: self._in_turn(self._item),
            Say.END: self._in_turn(self._end),
            Say.LOG: lambda link, reply: engine.output.lines(link, reply[1], reply[2]),
            Say.HELD: lambda link, reply: engine.objects.hold(link, reply[1]),
            Say.RELEASED: lambda link, reply: link.held.pop(reply[1], None),
            Say.READY: lambda link, reply: engine.fleet.ready(link),
            Say.BROKEN: lambda link, reply: engine.fleet.broken(link, reply[1]),
            Say.CALL: lambda link, reply: engine.nesting.called(link, *reply[1:]),
            Say.DROP: lambda link, reply: link.calls.pop(reply[1], None),
            Say.HAND_BACK: lambda link, reply: engine.fleet.handed_back(link, reply[1]),
            Say.STATE: lambda link, reply: link.session.checkpoint.came(reply[1], reply[2]),
            Say.DROPPED: lambda link, reply: engine.objects.dropped(reply[1]),
            Say.NESTED_DONE: self._nested_done,
            Say.WAITING: lambda link, reply: engine.nesting.waiting(link, reply[1]),
            Say.CANCEL_CALL: lambda link, reply: engine.nesting.cancel(link, reply[1]),
            Say.NESTED_CREDIT: lambda link, reply: engine.nesting.credit(link, reply[1], reply[2]),
            Say.NESTED_STOP: lambda link, reply: engine.nesting.stop(link, reply[1]),
            Say.SPENT: self._spent,
        }

    @staticmethod
    def _spent(link: Link, reply: Any) -> None:
        link.spent += reply[1]

    @staticmethod
    def _in_turn(handler: Callable[[Link, Any], None]) -> Callable[[Link, Any], None]:
        """News of an executor's event loop may overtake the answer that announces it; then it waits for that."""

        def handle(link: Link, reply: Any) -> None:
            if reply[1] > link.announced:
                link.early.setdefault(reply[1], []).append(reply)
            else:
                handler(link, reply)

        return handle

    def _late(self, link: Link, reply: Any) -> None:
        link.doomed.discard(reply[1])
        entry = link.promises.pop(reply[1], None)
        if entry is not None:
            self._finish(link, entry, reply[2])

    def _nested_done(self, link: Link, reply: Any) -> None:
        entry = link.above.pop(reply[1], None)
        if entry is not None:
            self._finish(link, entry, reply[2])

    def _finish(self, link: Link, entry: Any, answer: Any) -> None:
        link.session.succeeded += 1
        outcome = answer if type(answer) is not tuple else link.session.outcome_of(link, entry, answer)
        if outcome is not None or type(answer) is not tuple:
            link.session.settle(entry, outcome)

    def _item(self, link: Link, reply: Any) -> None:
        reference = link.streams.get(reply[1])
        stream = reference() if reference is not None else None
        if stream is not None:
            form = reply[2]
            ticket = stream.arrived(form if type(form) is not tuple else self._engine.objects.adopt(link, form))
            if ticket is not None:
                link.session.settle(ticket, None)

    def _end(self, link: Link, reply: Any) -> None:
        link.stopped.pop(reply[1], None)
        reference = link.streams.pop(reply[1], None)
        stream = reference() if reference is not None else None
        if stream is None:
            return
        session, failure = link.session, None
        entry = stream.whole
        if reply[2] is None:
            session.succeeded += 1
        elif reply[2][0] == Say.CANCELLED:
            failure = self._engine.answers.cancelled(session, entry)
        else:
            record = reply[2][1]
            failure = Failure(lambda: failures.rebuild(record), f"a stream of {session.spec.name}")
            self._engine.answers.failure(session, entry, failure, record)
        for completion, outcome in stream.end(failure):
            session.settle(completion, outcome)
