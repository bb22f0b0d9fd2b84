"""Tasks that must end: their timeout, or somebody cancelled them. First a polite interrupt, then the process."""

from __future__ import annotations

import weakref
from time import monotonic

from flamepy.engines.linked.calls import Extra
from flamepy.wire.frames import Ask

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from flamepy.completion import Completion
    from flamepy.engines.linked.engine import LinkedEngine
    from flamepy.engines.linked.links import Link
    from flamepy.engines.linked.session import LinkedSession

GRACE = 2.0
"""Seconds that an interrupted task has to end before its process is killed."""

LOOKS = 4
"""Times within them that the task is looked at: a machine that was stopped meanwhile takes no more than one of them."""


class Deadlines:
    """Interrupts tasks of one engine."""

    def __init__(self, engine: LinkedEngine) -> None:
        self._engine = engine

    def start(self, session: LinkedSession, entry: Completion) -> None:
        """The call is being sent and begins at once: its time runs."""
        extra: Extra | None = entry._extra
        if extra is None or extra.options.timeout is None:  # it was answered while it was being sent
            return
        extra.attempt += 1
        # Held weakly: a call that is done must not stay in memory until its time would have been up.
        self._wait(session, weakref.ref(extra), extra.attempt, extra.options.timeout)

    def _wait(self, session: LinkedSession, reference: weakref.ref[Extra], attempt: int, seconds: float) -> None:
        self._engine.keeper.after(seconds, lambda: self._expired(session, reference, attempt))

    def _expired(self, session: LinkedSession, reference: weakref.ref[Extra], attempt: int) -> None:
        extra = reference()
        if extra is None or extra.attempt != attempt:  # done, or it was begun anew
            return
        for link in list(session.links):
            for number, entry in list(link.promises.items()):
                if entry._extra is extra:
                    self._expire_coroutine(session, link, number, entry)
                    return
            for entry in list(link.pending):
                if entry._extra is extra:
                    self._expire(session, link, entry, attempt)
                    return

    def _expire(self, session: LinkedSession, link: Link, entry: Completion, attempt: int) -> None:
        extra: Extra = entry._extra
        assert extra.options.timeout is not None
        # What came before it was ready, importing and creating the object, is not the task's own time.
        left = extra.options.timeout if not link.ready else link.ready_since + extra.options.timeout - monotonic()
        if left > 0:
            self._wait(session, weakref.ref(extra), attempt, left)
            return
        extra.why = "timeout"
        self.interrupt(link, entry, link.sequence_of(entry), b"T")

    def _expire_coroutine(self, session: LinkedSession, link: Link, number: int, entry: Completion) -> None:
        link.promises.pop(number, None)
        self.cancel_coroutine(link, number)
        outcome = self._engine.answers.timed_out(session, entry)
        if outcome is not None:
            session.settle(entry, outcome)

    def cancel_coroutine(self, link: Link, number: int) -> None:
        """Cancel a coroutine; one that does not let itself be cancelled ends with its process."""
        link.doomed.add(number)
        link.note(Ask.CANCEL_ASYNC, number)

        self._kill_after_grace(link, lambda: number in link.doomed)

    def interrupt(self, link: Link, entry: Completion, sequence: int, why: bytes) -> None:
        """Interrupt the task ``sequence`` of an executor; kill the executor if that does not help."""
        extra = entry._extra
        if extra is None:
            extra = entry._extra = Extra(link.session.spec.defaults)
        extra.why = extra.why or "cancel"
        link.channel.ring(why, sequence)

        self._kill_after_grace(link, lambda: bool(link.pending) and link.pending[0] is entry)

    def _kill_after_grace(self, link: Link, stubborn: Callable[[], bool], looks: int = LOOKS) -> None:
        """Kill an executor whose task is still not done when its grace is over."""

        def look() -> None:
            if link.ended or not stubborn():
                return
            if looks > 1:
                self._kill_after_grace(link, stubborn, looks - 1)
            else:
                self._engine.fleet.kill(link)

        self._engine.keeper.after(GRACE / LOOKS, look)
