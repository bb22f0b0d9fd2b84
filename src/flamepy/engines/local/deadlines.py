"""Tasks that must end: their timeout, or somebody cancelled them. First a polite interrupt, then the process."""

from __future__ import annotations

from flamepy.completion import PENDING
from flamepy.engines.local.calls import Extra

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flamepy.completion import Completion
    from flamepy.engines.local.engine import LocalEngine
    from flamepy.engines.local.links import Link
    from flamepy.engines.local.session import LocalSession

GRACE = 2.0
"""Seconds that an interrupted task has to end before its process is killed."""


class Deadlines:
    """Interrupts tasks of one engine."""

    def __init__(self, engine: LocalEngine) -> None:
        self._engine = engine

    def start(self, session: LocalSession, entry: Completion) -> None:
        """The call is being sent and begins at once: its time runs."""
        extra: Extra = entry._extra
        assert extra.options.timeout is not None
        self._engine.keeper.after(extra.options.timeout, lambda: self._expired(session, entry))

    def _expired(self, session: LocalSession, entry: Completion) -> None:
        completion = entry
        if completion._outcome is not PENDING:
            return
        for link in list(session.links):
            for number, promised in list(link.promises.items()):
                if promised is entry:
                    self._expire_coroutine(session, link, number, entry)
                    return
            sequence = link.sequence_of(completion)
            if sequence:
                entry._extra.why = "timeout"
                self.interrupt(link, completion, sequence, b"T")
                return

    def _expire_coroutine(self, session: LocalSession, link: Link, number: int, entry: Completion) -> None:
        from flamepy.wire.frames import Ask

        link.promises.pop(number, None)
        link.note(Ask.CANCEL_ASYNC, number)
        outcome = self._engine.answers.timed_out(session, entry)
        if outcome is not None:
            session.settle(entry, outcome)

    def interrupt(self, link: Link, completion: Completion, sequence: int, why: bytes) -> None:
        """Interrupt the task ``sequence`` of an executor; kill the executor if that does not help."""
        link.ring(why, sequence)

        def insist() -> None:
            running = link.pending[0] if link.pending else None
            if running is None or running is not completion or link.ended:
                return
            extra = running._extra
            if extra is None:
                extra = running._extra = Extra(link.session.spec.defaults)
            extra.why = extra.why or "cancel"
            self._engine.fleet.kill(link)

        self._engine.keeper.after(GRACE, insist)
