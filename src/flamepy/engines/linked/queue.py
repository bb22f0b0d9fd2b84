"""The calls of one service that wait, and which of its executors gets which.

A call goes from `CallQueue.submit` to the queue; `CallQueue.pump` moves calls from the queue to executors in batches.
While an executor has calls in flight, later ones gather in the queue and leave together: when a batch is full, when an
answer makes room, when somebody waits, or at the keeper's next tick. An idle executor gets its call at once.
"""

from __future__ import annotations

import _thread
from collections import deque

from flamepy.completion import PENDING, Completion, failure_of
from flamepy.engines.linked.calls import PLAIN, Extra
from flamepy.engines.linked.pace import WIDEST, ahead, window
from flamepy.engines.linked.source import LinkedSource
from flamepy.serialization.codec import BULK, NUMBERS, SHORT, TEXTS, dumps_small
from flamepy.serialization.segments import LARGE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flamepy.engines.linked.engine import LinkedEngine
    from flamepy.engines.linked.links import Link
    from flamepy.model.specs import CallOptions, SessionSpec

BATCH = 256
"""Calls that leave at once when so many have gathered, and at most in one message."""


class CallQueue(LinkedSource):
    """The waiting calls of one service.

    Attributes:
        queued: Calls that wait for an executor.
        parked: Calls that wait for their arguments outside of the queue.
        specials: How many of the queued ones have an `Extra`.
        idle: Executors that have answered everything.
        cost: Seconds that a call takes; 0 while unknown.
        warm: Whether that is known of an executor that had run calls before.
        pumping: Held by whoever hands out calls.
    """

    def __init__(self, engine: LinkedEngine, spec: SessionSpec) -> None:
        super().__init__(engine)
        self.spec = spec
        self.queued: deque[Completion] = deque()
        self.parked: dict[int, Completion] = {}
        self.specials = 0
        self.idle: set[Link] = set()
        self.cost = 0.0
        self.warm = False
        self.pumping = _thread.allocate_lock()
        self._again = False
        self._objects = engine.objects
        self._main_by_value = engine.objects.main_by_value
        self._guard = engine.guard
        self._ordered = spec.stateful and spec.max_instances == 1
        self._single = spec.max_instances == 1
        self._trivial = spec.defaults == PLAIN
        self._closed: BaseException | None = None

    def label(self, method: int) -> str:
        """``service.method`` for messages."""
        name = self.spec.methods[method]
        return f"{self.spec.name}.{name}" if name else self.spec.name

    # ---- taking calls

    def submit(
        self,
        completion: Completion,
        method: int,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        options: CallOptions | None = None,
    ) -> None:
        """Queue one call, see `flamepy.engines.port.Session.submit`."""
        completion._source = self
        if kwargs or options is not None or not self._trivial or self._closed is not None:
            self._submit_special(completion, method, args, kwargs, options)
            return
        for value in args:
            kind = type(value)
            if kind not in NUMBERS and (kind not in TEXTS or len(value) > SHORT):
                bulky = kind in BULK and len(value) >= LARGE
                small = None if bulky else dumps_small(args, main_by_value=self._main_by_value)
                if small is None:
                    self._submit_special(completion, method, args, kwargs, options)
                    return
                args = small  # type: ignore[assignment]
                break
        completion._method = method
        completion._payload = args
        queued = self.queued
        if self.idle and not queued and self._single:
            self._send_now(completion)
        else:
            queued.append(completion)
            if self.idle or not len(queued) % BATCH:
                self._hand_out()
        if not self._keeper.alert:
            self._keeper.arm()

    def _submit_special(
        self,
        completion: Completion,
        method: int,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        options: CallOptions | None,
    ) -> None:
        if self._closed is not None:
            raise self._closed
        completion._method = method
        completion._payload, lease, found = self._objects.arguments(args, kwargs)
        if options is None and self._trivial and lease is None and not found:
            self._enqueue(completion)
            return
        extra = completion._extra = Extra(options or self.spec.defaults)
        extra.keep, extra.found = lease, found
        self.take(completion)

    def take(self, entry: Completion) -> None:
        """Take a call with an `Extra`; one whose arguments are not there yet keeps its place in an ordered queue."""
        extra: Extra = entry._extra
        if self._closed is not None:
            self.settle(entry, failure_of(self._closed, self.label(entry._method)))
            return
        if not self._ordered and extra.found:
            self.parked[id(entry)] = entry  # before anybody can say that they are there
        try:
            if extra.found and not self._answers.await_arguments(self, entry) and not self._ordered:
                return  # it is queued when they are there
        except BaseException:
            self.parked.pop(id(entry), None)
            raise
        self.parked.pop(id(entry), None)
        self._enqueue(entry)

    def _enqueue(self, entry: Completion) -> None:
        if entry._extra is not None:
            self.specials += 1
        priority = entry._extra.options.priority if entry._extra is not None else 0
        if priority > 0 and not self._ordered:
            self._insert(entry, priority)
        else:
            self.queued.append(entry)
        if self.idle or not len(self.queued) % BATCH or (entry._extra is not None and entry._extra.caller is not None):
            self.pump()
        if not self._keeper.alert:
            self._keeper.arm()

    def _insert(self, entry: Completion, priority: int) -> None:
        place = 0
        for other in list(self.queued):
            extra = other._extra
            if (extra.options.priority if extra else 0) < priority:
                break
            place += 1
        self.queued.insert(place, entry)

    def arguments_ready(self, entry: Completion) -> None:
        """The last missing argument of a call has arrived (or failed, and the call with it)."""
        parked = self.parked.pop(id(entry), None)
        if parked is not None and entry._outcome is PENDING:
            self._enqueue(entry)
        self.pump()
        self._keeper.arm()

    def requeue(self, entries: list[Completion]) -> None:
        """Put calls back at the front of the queue, in their order; those that were cancelled meanwhile are done."""
        for entry in [entry for entry in entries if entry._extra is not None and entry._extra.why == "cancel"]:
            entries.remove(entry)
            self._answers.settle_cancelled(self, entry)
        self.specials += sum(1 for entry in entries if entry._extra is not None)
        self.queued.extendleft(reversed(entries))
        self._keeper.arm()

    # ---- handing calls out

    def pump(self) -> None:
        """Hand out what can be handed out; called by whoever changed something, one works for all."""
        self._again = True
        guard = self._guard
        guard.depth += 1  # before the lock is taken, so that Ctrl-C cannot leave it taken
        try:
            while self._again and self.pumping.acquire(False):
                try:
                    self._again = False
                    self._dispatch()
                finally:
                    self.pumping.release()
        finally:
            guard.depth -= 1
            if guard.came:
                guard.deliver()

    def _dispatch(self) -> None:
        while self.queued:
            link = self._next_link()
            if link is None:
                break
            entries = self._take(self._room(link), link)
            if not entries:
                break
            self.idle.discard(link)
            link.send(entries)
            if link.alone:  # now that it can be found there
                self.engine.deadlines.start(self, entries[-1])  # type: ignore[arg-type]
        if self.queued and self.engine.nested_calls:
            self.engine.nesting.lift(self)  # type: ignore[arg-type]

    def _send_now(self, completion: Completion) -> None:
        """The only executor has nothing to do: send without a detour through the queue, if nobody else hands out."""
        guard = self._guard
        guard.depth += 1
        try:
            link = None
            if self.pumping.acquire(False):
                link = self.idle.pop() if self.idle else None
                try:
                    if link is None or link.pending or not self._room(link):
                        link = None
                    else:
                        link.send_one(completion)
                finally:
                    self.pumping.release()
            if link is None:
                self.queued.append(completion)
                self._again = True
        finally:
            guard.depth -= 1
            if guard.came:
                guard.deliver()
        if self._again:
            self.pump()

    def _hand_out(self) -> None:
        """`pump`; and when executors are full, see first whether they have answered."""
        self.pump()
        if len(self.queued) >= BATCH:
            self._reader.serve()

    def _next_link(self) -> Link | None:
        """The executor that has the least to do and may be given more."""
        best, least = None, WIDEST
        for link in self.links:
            pending = len(link.pending)
            if pending < least and self._room(link) > 0:
                best, least = link, pending
        return best

    def _room(self, link: Link) -> int:
        """How many more calls an executor may be given now."""
        pending = len(link.pending)
        if link.ended or link.releasing or link.congested or link.handed_back is not None or link.waiting:
            return 0
        if pending and link.alone:
            return 0
        if self._single:
            return min(BATCH, window(self.cost, link.latency) - pending)
        if not link.ready and pending:
            return 0
        share = -(-len(self.queued) // len(self.links))
        return min(BATCH, ahead(self.cost, link.latency) - pending, max(1, share))

    def _take(self, count: int, link: Link) -> list[Completion]:
        """Take up to ``count`` calls off the queue that may be sent in one message."""
        queued = self.queued
        if not self.specials:
            take = queued.popleft
            return [take() for _ in range(min(count, len(queued)))]
        entries: list[Completion] = []
        while queued and len(entries) < count:
            extra, waits = queued[0]._extra, queued[0]._outcome is PENDING
            if extra is not None and waits:
                # A call of a task must not wait inside of an executor that may itself wait for that task.
                first = extra.alone or (extra.caller is not None and self.spec.stateful)
                if extra.missing or (first and (entries or link.pending)):
                    break
            entry = queued.popleft()
            if extra is None:
                entries.append(entry)
                continue
            self.specials -= 1
            if not waits:
                continue
            entries.append(entry)
            if extra.alone:
                break
        return entries
