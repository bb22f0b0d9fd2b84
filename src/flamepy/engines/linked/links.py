"""One executor as the client sees it: what was sent and is not answered, what arrives, what is still to be sent."""

from __future__ import annotations

import _socket
import weakref
from collections import deque
from time import perf_counter

from flamepy.wire.frames import Ask, FrameBuffer, Say, pack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from flamepy.completion import Completion
    from flamepy.engines.linked.carrier import Channel
    from flamepy.engines.linked.fleet import Fleet
    from flamepy.engines.linked.forwarding import Forwarding
    from flamepy.engines.linked.session import LinkedSession
    from flamepy.stream import Stream

SLOW = 0.05
"""Seconds without an answer after which an executor counts as stuck in a long task."""

TAIL_LINES = 20
"""Lines of an executor's last output that are kept for the error message should it die."""


class Link:
    """The connection to one executor.

    Args:
        number: The executor's number in the engine.
        session: Whose calls it runs.
        fleet: Who is told when it ends, and who reads.
        channel: Its data socket, its bell, and how to end it by force.

    Attributes:
        is_open: Whether its socket is connected.
        pending: Calls sent and not answered, oldest first.
        answered: How many were; the oldest pending one has the number ``answered + 1`` there.
        alone: Whether nothing may be sent behind the last call.
        waiting: Number of the nested call that its task waits for; 0 when it does not wait.
        doomed: Coroutines that were cancelled and have not ended.
        stopped: Streams that nobody wants and that have not ended, since when.
        announced: The highest number of a promise or stream that has been answered so far.
        early: News of promises and streams by number, from the executor's event loop, that overtook the answer.
        handed_back: Calls taken back since the running one; None while it may be sent more.
        latency: Seconds that messages take there and back; 0 where that is next to nothing.
        spent: Seconds that it was busy, as it said with the message that is being read.
    """

    def __init__(  # noqa: PLR0915 - the fields of one connection
        self, number: int, session: LinkedSession, fleet: Fleet, channel: Channel
    ) -> None:
        self.number = number
        self.session = session
        self.channel = channel
        self.socket = channel.data
        self.descriptor = channel.data.fileno()
        self.frames = FrameBuffer()
        self.pid = 0
        self.is_open = channel.is_open
        self.ready = False
        self.ready_since = 0.0
        self.ended = False
        self.releasing = False
        self.pending: deque[Completion] = deque()
        self._take = self.pending.popleft if not session.spec.checkpoint else self._take_and_remember
        self._remember = session.checkpoint.remember
        self.alone = False
        self.answered = 0
        self.waiting = 0
        self.handed_back: int | None = None
        self.mark = perf_counter()
        self.promises: dict[int, Completion] = {}
        self.announced = 0
        self.early: dict[int, list[Any]] = {}
        self.doomed: set[int] = set()
        self.stopped: dict[int, float] = {}
        self.streams: dict[int, weakref.ref[Stream]] = {}
        self.above: dict[int, Completion] = {}
        self.calls: dict[int, Completion] = {}
        self.forwards: dict[int, Forwarding] = {}
        self.held: dict[str, object] = {}
        self.tail: deque[str] = deque(maxlen=TAIL_LINES)
        self.latency = 0.0
        self.spent = 0.0
        self._fleet = fleet
        self._reader = fleet.reader
        self._news = fleet.news.handlers
        self._lock = fleet.new_lock()
        self._notes: list[Any] = []
        self._unsent = bytearray()

    def __repr__(self) -> str:
        return f"<Link {self.number} of {self.session.id}: {len(self.pending)} pending, {self.answered} answered>"

    # ---- sending

    def bind(self, binding: dict[str, Any]) -> None:
        """Send the first message, at once or when the socket is connected: until then it counts as congested."""
        message = pack([Ask.BIND, binding])
        if not self.is_open:
            self._unsent += message
            return
        with self._fleet.guard:
            self._transmit(message)
        self._reader.add(self)

    def opened(self) -> None:
        """The socket is connected."""
        self.is_open = True
        self._reader.add(self)
        self.session.idle.add(self)
        self.push()
        if self._unsent:
            self._reader.want_to_write(self, wanted=True)

    @property
    def congested(self) -> bool:
        """Whether the socket is full, so that calls had better wait in the queue."""
        return bool(self._unsent)

    def send(self, entries: list[Completion]) -> None:
        """Send calls; one session sends at a time, so that they are answered in this order."""
        message, self._notes = self._notes, []
        for entry in entries:
            message.append(entry._method)
            message.append(entry._payload)
        if not self.pending:
            self.mark = perf_counter()
        last = entries[-1]._extra
        self.alone = last is not None and last.alone
        self.pending.extend(entries)
        self._transmit(pack(message))

    def send_one(self, entry: Completion) -> None:
        """Send a plain call to an idle executor; `send` for the commonest case."""
        if self._notes:
            self.send([entry])
            return
        self.mark = perf_counter()
        self.alone = False
        self.pending.append(entry)
        self._transmit(pack([entry._method, entry._payload]))

    def note(self, kind: int, body: Any, *, now: bool = True) -> None:
        """Send a note, or keep it for the next message."""
        if now:
            with self._fleet.guard:
                self._transmit(pack([kind, body]))
        else:
            self._notes += (kind, body)

    def flush_notes(self) -> None:
        """Send the notes that were kept."""
        if self._notes:
            message, self._notes = self._notes, []
            self._transmit(pack(message))

    def _transmit(self, data: bytes) -> None:
        with self._lock:
            if self._unsent:
                self._unsent += data
                return
            try:
                sent = self.socket.send(data)
            except BlockingIOError:
                sent = 0
            except OSError:
                return  # it has ended; the reader learns it, and the calls are pending
            if sent < len(data):
                self._unsent += data[sent:]
                self._reader.want_to_write(self, wanted=True)

    def push(self) -> None:
        """Send what the socket did not take before."""
        with self._fleet.guard, self._lock:
            try:
                sent = self.socket.send(self._unsent)
            except BlockingIOError:
                return
            except OSError:
                sent = len(self._unsent)
            del self._unsent[:sent]
            if not self._unsent:
                self._reader.want_to_write(self, wanted=False)
        self.session.pump()

    # ---- receiving

    def read(self) -> None:
        """Read once; the socket is ready."""
        try:
            count = self.socket.recv_into(self.frames.space())
        except BlockingIOError:
            return
        except OSError:
            count = 0
        self.received(count)

    def received(self, count: int) -> None:
        """Take in ``count`` bytes that were read into ``frames``; none: the executor has ended."""
        if count == 0:
            self._fleet.hung_up(self)
            return
        guard = self._fleet.guard
        guard.depth += 1
        try:
            for message in self.frames.filled(count):
                if self.ended:  # by what it said last
                    break
                self._consume(message)
        finally:
            guard.depth -= 1
            if guard.came:
                guard.deliver()
        if self.session.queued or self.handed_back is not None:
            self.session.pump()

    def _consume(self, message: list[Any]) -> None:
        take, fire, news = self._take, self._reader.to_fire, self._news
        count = known = 0
        for reply in message:
            if type(reply) is tuple:
                kind = reply[0]
                if kind > Say.LAST_ANSWER:
                    self.answered += count - known  # what it says counts from the answers before it
                    known = count
                    news[kind](self, reply)
                    continue
                count += 1
                entry = take()
                outcome = self.session.outcome_of(self, entry, reply)
                if outcome is None:
                    continue
            else:
                count += 1
                entry, outcome = take(), reply
            entry._payload = entry._extra = None  # first: whoever sees the outcome may use its segments again
            entry._outcome = outcome
            if entry._callbacks is not None:
                fire.append(entry)
        self.answered += count - known
        self._settle(count)

    def _take_and_remember(self) -> Completion:
        """With checkpoints, answered calls are kept until the state that contains them is saved."""
        entry = self.pending.popleft()
        self._remember(entry)
        return entry

    def _settle(self, count: int) -> None:
        """Keep the accounts after a message with ``count`` answers."""
        now = perf_counter()
        session = self.session
        if count:
            session.succeeded += count
            sample = (now - self.mark) / count
            session.cost = (session.cost + sample) / 2 if session.cost else sample
        self.mark = now
        if not self.pending:
            if self.handed_back is not None:
                self._fleet.returned(self)
            session.idle.add(self)

    # ---- one call of many

    def sequence_of(self, completion: Completion) -> int:
        """The number under which the executor knows a pending call; 0 if it is answered."""
        for place, entry in enumerate(list(self.pending)):
            if entry is completion:
                return self.answered + 1 + place
        return 0

    def outstanding(self) -> Iterable[Completion]:
        """Every call that was sent and has no outcome, whatever form it has taken."""
        yield from list(self.pending)
        yield from list(self.promises.values())
        yield from list(self.above.values())
        yield from [stream.whole for stream in self.open_streams() if stream.wanted_whole]

    def open_streams(self) -> list[Stream]:
        """The generators that run here and that somebody can still read."""
        streams = (reference() for reference in list(self.streams.values()))
        return [stream for stream in streams if stream is not None]

    def abandon_unwanted(self) -> None:
        """End the generators whose items nobody has asked for."""
        for stream in self.open_streams():
            if not stream.wanted:
                stream.abandon()

    def slow(self, seconds: float = SLOW) -> bool:
        """Whether the oldest call has been running for longer than that."""
        return perf_counter() - self.mark > seconds + self.latency

    @property
    def busy(self) -> bool:
        """Whether anything that was sent is unfinished."""
        return bool(self.pending or self.promises or self.streams or self.stopped or self.above)

    def cut_off(self) -> None:
        """Its process is gone: read what it has said, and do not wait for others who may hold its socket."""
        try:
            self.socket.shutdown(_socket.SHUT_RD)
        except OSError:  # closed meanwhile
            return

    def close(self) -> None:
        """Close our ends; an idle executor ends then."""
        self.ended = True
        self._reader.remove(self)
        self.channel.hang_up()
