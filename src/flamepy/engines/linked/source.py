"""What a completion asks of whoever fills it: wait, watch, cancel, read on an event loop - for calls of one service."""

from __future__ import annotations

from flamepy.completion import PENDING, Completion

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flamepy.engines.linked.engine import LinkedEngine
    from flamepy.engines.linked.links import Link


class LinkedSource:
    """The source of the completions of one service, see `flamepy.completion.Source`.

    Attributes:
        links: Its executors.
    """

    def __init__(self, engine: LinkedEngine) -> None:
        self.engine = engine
        self.links: list[Link] = []
        self._answers: Any = engine.answers  # they take sessions, and every source is one
        self._keeper = engine.keeper
        self._reader = engine.reader
        self._flush_soon = False

    if TYPE_CHECKING:
        queued: Any

        def pump(self) -> None:
            """Hand out what waits."""

    def wait(self, completion: Completion, timeout: float | None) -> bool:
        """Wait for an outcome; see `Reader.wait`."""
        if self.queued:
            self.pump()  # before all others, which may have much more to send
        if len(self.engine.sessions) > 1:
            self.engine.flush()
        links = self.links
        return self._reader.wait(completion, timeout, links[0] if len(links) == 1 else self._only_busy())

    def _only_busy(self) -> Link | None:
        busy = [link for link in self.links if link.pending]
        return busy[0] if len(busy) == 1 else None

    def watch(self, completion: Completion) -> None:
        """A callback was added: progress must not depend on a waiting thread."""
        if not self._keeper.alert:
            self._keeper.arm()

    def cancel(self, completion: Completion) -> bool:
        """Cancel a call; see `flamepy.ObjectExpr.cancel`."""
        cancelled: bool = self._answers.cancel(self, completion)
        return cancelled

    def attach(self, loop: Any) -> None:
        """Completions of this session are used on an event loop: send what gathers at the end of its turn."""
        if self.engine._loop is not loop:
            self.engine.attach(loop)
        if self.queued and not self._flush_soon:
            self._flush_soon = True
            loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_soon = False
        self.pump()

    def settle(self, completion: Completion, outcome: object) -> None:
        """Complete a call on any thread, wherever the reader is."""
        if completion._outcome is not PENDING:
            return
        completion._outcome = outcome
        completion._payload = None
        if completion._extra is not None:
            completion._extra.keep = None
        if completion._callbacks is not None:
            if self._reader.led_by_me():
                self._reader.to_fire.append(completion)
            else:
                completion.fire()
        if not self._reader.led_by_me():
            self._reader.wake()
