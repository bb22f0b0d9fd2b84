"""The one background thread of an engine: what must go on although nobody waits.

It sends what has gathered in queues, reads when nobody else does, starts more executors for a backlog, notices ends
of processes, collects what C code prints, answers flmctl, and runs timers. It sleeps while there is nothing to do:
``alert`` says whether it ticks; whoever submits to a sleeping keeper wakes it.
"""

from __future__ import annotations

import _thread
import threading
from _heapq import heappop, heappush
from time import monotonic

from flamepy.engines.linked.poller import Poller

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from flamepy.engines.linked.engine import LinkedEngine

TICK = 0.004
"""Seconds between two looks while calls come and go."""

SLOW_TICK = 0.05
"""Seconds between two looks while tasks run and nothing else happens."""

STILL_TICKS = 16
"""Ticks without a call or an answer after which it ticks slowly, or sleeps if no task is unfinished."""


class Keeper:
    """The background thread.

    Args:
        engine: Whose sessions it looks after.

    Attributes:
        alert: Whether it ticks by itself.
    """

    def __init__(self, engine: LinkedEngine) -> None:
        self.alert = False
        self._engine = engine
        self._poller = Poller()
        self._handlers: dict[int, Callable[[], object]] = {}
        self._timers: list[tuple[float, int, Callable[[], object]]] = []
        self._timer_count = 0
        self._lock = _thread.allocate_lock()
        self._stopped = False
        self._quiet = 1
        self._still = 0
        self._next_tick = 0.0
        self._turns = -1
        self._reading = False
        self._thread = threading.Thread(target=self._run, name="flamepy-keeper", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def watch(self, descriptor: int, handler: Callable[[], object]) -> None:
        """Call ``handler`` on this thread whenever ``descriptor`` is readable."""
        self._handlers[descriptor] = handler
        self._poller.add(descriptor)

    def ignore(self, descriptor: int) -> None:
        """Watch it no longer."""
        if self._handlers.pop(descriptor, None) is not None:
            self._poller.remove(descriptor)

    def after(self, seconds: float, action: Callable[[], object]) -> None:
        """Call ``action`` on this thread in so many seconds."""
        with self._lock:
            self._timer_count += 1
            heappush(self._timers, (monotonic() + seconds, self._timer_count, action))
        self._poller.wake()

    def arm(self) -> None:
        """There is work: tick until there is none, from one tick on."""
        self._still = self._quiet = 0
        self._next_tick = monotonic() + TICK
        self.alert = True
        self._poller.wake()

    def stop(self) -> None:
        """End the thread; returns when it has."""
        self._stopped = True
        self._poller.wake()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join()
        self._poller.close()

    def disown(self) -> None:
        """In a forked child, which has no such thread: close its copies of descriptors."""
        self._stopped = True
        self._poller.close()

    # ---- the thread

    def _run(self) -> None:
        while not self._stopped:
            for descriptor, _ in self._poller.wait(self._timeout()):
                handler = self._handlers.get(descriptor)
                if handler is not None:
                    self._safely(handler)
            for action in self._due():
                self._safely(action)
            if self._tick_due():
                self._safely(self._tick)

    def _safely(self, action: Callable[[], object]) -> None:
        """A fault in one duty must not end the others."""
        try:
            action()
        except BaseException:
            if not self._stopped and not self._engine.closed:
                import logging

                logging.getLogger("flamepy").exception("the engine's background thread failed in %r", action)

    def _timeout(self) -> float | None:
        """Seconds until the next tick or timer; None if there is nothing to do."""
        due = [self._timers[0][0]] if self._timers else []
        if self._ticking():
            due.append(self._next_tick)
        return max(0.0, min(due) - monotonic()) if due else None

    def _ticking(self) -> bool:
        return self.alert or self._quiet == 0

    def _tick_due(self) -> bool:
        return self._ticking() and monotonic() >= self._next_tick

    def _due(self) -> list[Callable[[], object]]:
        actions: list[Any] = []
        with self._lock:
            while self._timers and self._timers[0][0] <= monotonic():
                actions.append(heappop(self._timers)[2])
        return actions

    def _tick(self) -> None:
        """One look at everything."""
        engine = self._engine
        reader = engine.reader
        working = engine.duties.look()
        # Somebody who waits reads anyway; read only when the reader's turn has not changed since the last look.
        idle_reader = reader.turns == self._turns and not reader.leading
        self._turns = reader.turns
        self._read_too(working and idle_reader and not engine.loop_reads)
        self._quiet = 0 if working else self._quiet + 1
        self._still = 0 if engine.duties.backlog() or not idle_reader else self._still + 1
        self.alert = self._still < STILL_TICKS
        self._next_tick = monotonic() + (TICK if self.alert else SLOW_TICK)

    def _read_too(self, wanted: bool) -> None:  # noqa: FBT001
        """Watch the executors' sockets on this thread, or leave them to others."""
        if wanted and not self._reading:
            self.watch(self._engine.reader.fileno(), self._serve)
        elif not wanted and self._reading:
            self.ignore(self._engine.reader.fileno())
        self._reading = wanted

    def _serve(self) -> None:
        if self._engine.reader.leading:
            self._read_too(wanted=False)
        else:
            self._engine.reader.serve_for_others()
