"""The service process: takes letters, passes them to its executor, and says when it is worth answering."""

from __future__ import annotations

import os
import threading
from marshal import loads
from time import monotonic

from flamepy.engines.flame.host import bulk, messages
from flamepy.engines.flame.host.child import Child
from flamepy.engines.flame.host.letters import LIMIT, PACKAGE, Letter, Reply, unpack_hello
from flamepy.engines.flame.host.messages import MARK_BYTES, SDK_MARK
from flamepy.engines.flame.host.outbox import Outbox
from flamepy.engines.flame.host.place import PackageOutOfReach, Place
from flamepy.engines.flame.host.traffic import Cutter, Tally, forgotten, freed, may_refer, parts, urgent
from flamepy.errors import FlameError
from flamepy.wire.frames import Say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from flamepy.engines.flame.host.bulk import Bulk, Reference
    from flamepy.engines.flame.host.instance import Call, Instance
    from flamepy.engines.flame.host.letters import Piece

GATHER = 0.005
"""Seconds in which answers gather before they leave although calls are unanswered."""

GATHER_PRINTS = 0.02
"""The same while there is nothing but prints."""

FAREWELL = 1.0
"""Seconds between the end of an executor's socket and its own end, at most."""

GRACE = 1.5
"""Seconds that an executor has to end by itself when its session does."""

LEASE = 90.0
"""Seconds without a letter after which the client counts as dead."""

TURN = 0.25
"""Seconds between two looks whether the executor has ended, which its descriptors need not tell."""


def run(instance: Instance, hello: bytes, call: Call, letter: bytes, root: str) -> None:
    """Serve letters until the executor manager is gone or the session has left; called by `boot`.

    Args:
        instance: The socket.
        hello: The session's common data.
        call: The first task.
        letter: What it holds.
        root: The folder that flamepy is imported from.
    """
    host = Host(instance, root, hello)
    try:
        host.take(call, letter)
        while not instance.abandoned and not host.left:
            calls, ready = instance.wait(host.patience())
            for each in calls:
                host.obey(each)
            host.look(ready)
        instance.wait(0)
    finally:
        host.end()
        instance.close()


class Host:
    """One session's executor, and the letters about it.

    Attributes:
        left: Whether the session is over.
    """

    def __init__(self, instance: Instance, root: str, hello: bytes) -> None:
        self.left = False
        self._instance = instance
        self._root = root
        self._problem = ""
        self._wants = False
        self._order: dict[str, Any] = {}
        try:
            self._order = unpack_hello(hello)
        except ValueError as error:
            self._problem = f"the session's common data is not from this flamepy: {error}"
        self._place: Place | None = None
        self._child: Child | None = None
        self._ready, self._done = os.pipe()
        self._prepared: Any = None
        self._waiting = bytearray()
        self._call: Call | None = None
        self._number = 0
        self._last = b""
        self._deadline = 0.0
        self._heard = monotonic()
        self._since: float | None = None
        self._gather = GATHER
        self._silent_since = self._leaving_since = 0.0
        self._tally = Tally()
        self._asked, self._said = Cutter(), Cutter()
        self._outbox = Outbox(self._read)
        self._output = bytearray()
        self._shipped: set[str] = set()
        self._bulk: Bulk | None = None

    # ---- letters in

    def obey(self, call: Call) -> None:
        """Do what the executor manager calls for."""
        if call.method == "OnTaskInvoke":
            self.take(call, messages.blob(call.message, messages.INPUT) or b"")
            return
        if call.method == "OnSessionLeave":
            self.end()
            self.left = True
        call.answer(messages.result())

    def take(self, call: Call, data: bytes) -> None:
        """Take a letter in; it is answered now or later."""
        self._heard = monotonic()
        if data.startswith(SDK_MARK):  # the first letter, once more
            data = data[MARK_BYTES + int.from_bytes(data[MARK_BYTES - 8 : MARK_BYTES], "little") :]
        try:
            letter = Letter.unpack(data)
        except ValueError as error:
            call.answer(messages.task_result(None, -1, f"this service takes tasks of its own client only: {error}"))
            return
        if letter.number == self._number and not self._call:
            call.answer(messages.task_result(self._last))
        elif letter.number == self._number:
            self._call = call  # the one that asked before was given up by whoever asked
        elif letter.number != self._number + 1:
            call.answer(messages.task_result(Reply(letter.number, lost=True).pack()))
        else:
            self._number, self._call = letter.number, call
            self._deadline = self._heard + letter.hold
            self._deliver(letter)

    def _deliver(self, letter: Letter) -> None:
        if letter.number == 1:
            self._start()
        self._outbox.refer = self._refer if letter.refers and self._bulk is not None else None
        self._take_objects(letter.pieces)
        whole, found = self._asked.feed(letter.data)
        for message in found:
            self._tally.asked(message)
            self._forget(forgotten(message))
            self._shipped.difference_update(freed(message))
        child = self._child
        if child is None:
            self._waiting += whole
            return
        child.send(whole)
        if letter.bells:
            child.ring(letter.bells)
        if letter.kill:
            child.kill()
        elif letter.leave and not self._leaving_since:
            self._leaving_since = monotonic()
            child.leave()

    def _take_objects(self, pieces: Iterable[Piece]) -> None:
        try:
            for name, capacity, offset, part in pieces:
                if self._place is not None:
                    data = part if isinstance(part, bytes) else self._fetch(part)
                    self._place.write(name, capacity, offset, data)
                    if name.startswith(PACKAGE) and offset + len(data) == capacity:
                        self._go_on_with(name)
        except FlameError as error:
            self._problem = f"a part of an object cannot be fetched: {error}"
        except OSError as error:
            self._problem = f"an object does not fit into {self._place and self._place.shared}: {error.strerror}"

    def _fetch(self, reference: Reference) -> memoryview:
        assert self._bulk is not None  # else the client was not told that we can
        return self._bulk.fetch(reference)

    def _refer(self, part: bytes) -> Reference | None:
        """Put a part into the cache; once that has failed, objects travel in tasks."""
        try:
            return self._bulk.store(part) if self._bulk is not None else None
        except FlameError:
            self._bulk = None
            return None

    def _go_on_with(self, package: str) -> None:
        """Go on with the preparations: all of the package has come."""
        assert self._place is not None
        self._order["archive"] = f"{self._place.shared}/{package}"
        self._begin_to_prepare()

    def _forget(self, names: Iterable[str]) -> None:
        for name in names:
            if self._place is not None:
                self._place.forget(name)

    # ---- the executor

    def _start(self) -> None:
        """Prepare for it, on a thread: packages and environments take their time."""
        try:
            self._place = Place()
        except OSError as error:
            self._problem = f"no folder for an executor: {error}"
        if not self._problem:
            self._begin_to_prepare()

    def _begin_to_prepare(self) -> None:
        self._instance.watch(self._ready)
        threading.Thread(target=self._prepare, name="flamepy-prepare", daemon=True).start()

    def _prepare(self) -> None:
        assert self._place is not None
        try:
            self._prepared = self._place.prepare(self._order, self._root)
        except Exception as error:  # noqa: BLE001 - it is told to the client
            self._prepared = error
        os.write(self._done, b"!")

    def _spawn(self) -> None:
        os.read(self._ready, 1)
        self._instance.ignore(self._ready)
        if isinstance(self._prepared, PackageOutOfReach) and "archive" not in self._order:
            self._wants = True
            return
        if isinstance(self._prepared, Exception):
            self._problem = f"{type(self._prepared).__name__}: {self._prepared}"
            return
        try:
            child = self._child = Child(self._prepared[0], self._root, self._prepared[1])
        except OSError as error:
            self._problem = f"{self._prepared[0]} cannot be started: {error.strerror}"
            return
        self._bulk = bulk.of_service(self._order["objects"])
        self._instance.watch(child.output)
        child.send(bytes(self._waiting))
        self._waiting.clear()
        self._instance.watch(child.data.fileno(), writing=child.unsent)

    def look(self, ready: set[int]) -> None:
        """Hear what the executor has to say, and answer if it is time."""
        if self._ready in ready:
            self._spawn()
        if self._child is not None:
            self._hear(self._child)
        if self._call is not None and self._is_due():
            self._reply()

    def _hear(self, child: Child) -> None:
        child.push()
        while self._outbox.size < LIMIT and not child.silent and (data := child.hear()):
            self._take_in(data)
        while len(self._output) < LIMIT and (text := child.overhear()):
            self._output += text
            self._note(GATHER_PRINTS)
        if child.deaf:
            self._instance.ignore(child.output)
        if child.silent and not self._silent_since:
            self._silent_since = monotonic()
            self._instance.ignore(child.data.fileno())
            self._instance.ignore(child.output)
        elif not child.silent:
            if self._outbox.size >= LIMIT:
                self._instance.ignore(child.data.fileno())
            else:
                self._instance.watch(child.data.fileno(), writing=child.unsent)
        self._hurry(child, self._silent_since, FAREWELL)
        self._hurry(child, self._leaving_since, GRACE)

    @staticmethod
    def _hurry(child: Child, since: float, seconds: float) -> None:
        """Kill what should have ended by itself."""
        if since and monotonic() - since > seconds and not child.reap():
            child.kill()

    def _take_in(self, data: bytes) -> None:
        raw, bodies = self._said.cut(data)
        for body in bodies:
            message = loads(body)
            self._tally.said(message)
            self._note(0.0 if urgent(message) else GATHER_PRINTS if _only_prints(message) else GATHER)
            if may_refer(body):
                self._note_objects(message)
        self._outbox.add(raw)

    def _note_objects(self, message: list[Any]) -> None:
        for name, capacity, _ in parts(message):
            if name.startswith("e") and name not in self._shipped and self._is_ours(name):
                self._shipped.add(name)
                self._outbox.add_object(name, capacity)

    def _read(self, name: str, offset: int, size: int) -> bytes:
        assert self._place is not None
        return self._place.read(name, offset, size)

    def _is_ours(self, name: str) -> bool:
        """Whether the executor here made an object, rather than another one from whom the client passed it on."""
        return name.startswith(f"{self._order['creator']}-")

    def _note(self, gather: float) -> None:
        self._since = self._since or monotonic()
        self._gather = min(self._gather, gather)

    # ---- replies out

    def patience(self) -> float | None:
        """Seconds until there is something to do though nobody says anything."""
        now = monotonic()
        if self._call is None:
            if now - self._heard > LEASE:
                self.end()
                return None
            return LEASE
        due = self._deadline if self._since is None else min(self._deadline, self._since + self._gather)
        return max(0.0, min(TURN, due - now))

    def _is_due(self) -> bool:
        child = self._child
        if self._problem or self._wants or self._outbox.size >= LIMIT:
            return True
        if child is None:
            return monotonic() >= self._deadline
        if child.reap():
            return True
        if not self._leaving_since and not self._tally.owed and not self._tally.awaits and not child.unsent:
            return True
        now = monotonic()
        return now >= self._deadline or (self._since is not None and now >= self._since + self._gather)

    def _reply(self) -> None:
        assert self._call is not None
        child = self._child
        if child is not None and child.reap():
            self._last_words(child)
        data, pieces = self._outbox.fill(LIMIT)
        output, self._output = bytes(self._output[:LIMIT]), self._output[LIMIT:]
        over = child is not None and child.status is not None and not self._outbox
        reply = Reply(
            self._number,
            data,
            pieces,
            output,
            pid=child.pid if child else 0,
            running=child.running if child else 0,
            more=bool(self._outbox),
            status=child.status if child is not None and over else None,
            reason=self._problem,
            node=os.uname().nodename,
            refers=self._bulk is not None,
            wants=self._wants,
        )
        self._wants = False
        self._last = reply.pack()
        self._since, self._gather = (monotonic(), 0.0) if self._outbox else (None, GATHER_PRINTS)
        call, self._call = self._call, None
        call.answer(messages.task_result(self._last))

    def _last_words(self, child: Child) -> None:
        while not child.silent and (data := child.hear()):
            self._take_in(data)
        while text := child.overhear():
            self._output += text

    def end(self) -> None:
        """End the executor and remove what it had; idempotent."""
        child, self._child = self._child, None
        if child is not None:
            self._instance.ignore(child.data.fileno())
            self._instance.ignore(child.output)
            child.end(GRACE)
        place, self._place = self._place, None
        if place is not None:
            place.remove()
        if self._number:
            self._number = -1  # letters for it are lost from now on


def _only_prints(message: list[Any]) -> bool:
    return all(type(reply) is tuple and reply[0] in {Say.LOG, Say.SPENT} for reply in message)
