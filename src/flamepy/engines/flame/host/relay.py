"""An executor on the machine of a server of ours, for an event loop: what it says comes as events, in order."""

from __future__ import annotations

import asyncio
import os
import sys
from collections import deque
from marshal import loads
from typing import Any

from flamepy.engines.flame.host.child import Child
from flamepy.engines.flame.host.outbox import Outbox
from flamepy.engines.flame.host.place import Place
from flamepy.engines.flame.host.traffic import Cutter, forgotten, freed, may_refer, parts

ROOT = os.path.abspath(f"{__file__}/../../../../..")
"""The folder that flamepy is imported from."""

ROOM = 1 << 20
"""Bytes of one event, at most."""

FULL = 8 << 20
"""Bytes that wait to be taken after which no more is read from the executor."""

GRACE = 1.5
"""Seconds that an executor has to end by itself."""

TURN = 0.02

Event = tuple[str, Any]
"""``("data", bytes)``, ``("piece", Piece)``, ``("output", bytes)`` or, as the last, ``("ended", wait status)``: None if
it was let go."""


class Relay:
    """One executor.

    Args:
        order: What the client said of its package; see `Place.prepare`.
    """

    def __init__(self, order: dict[str, Any]) -> None:
        self._order = order
        self._loop = asyncio.get_running_loop()
        self._stirred = asyncio.Event()
        self._saying: deque[Event] = deque()
        self._outbox = Outbox(self._read)
        self._overheard = bytearray()
        self._over = False
        self._place: Place | None = None
        self._child: Child | None = None
        self._cutter, self._asked = Cutter(), Cutter()
        self._shipped: set[str] = set()
        self._reading = False
        self._ending = False

    @property
    def pid(self) -> int:
        """Its process."""
        return self._child.pid if self._child else 0

    @property
    def running(self) -> int:
        """Number of the call that it runs, or ran when it ended."""
        return self._child.running if self._child else 0

    async def start(self) -> None:
        """Fetch the package and start the process.

        Raises:
            FlameError: The package cannot be had.
            OSError: There is no room, or the process cannot be started.
        """
        place = self._place = Place()
        python, facts = await asyncio.to_thread(place.prepare, self._order, ROOT)
        self._child = Child(python, ROOT, facts)
        self._read_on()
        self._loop.add_reader(self._child.output, self._overhear)

    # ---- to the executor

    def send(self, data: bytes) -> None:
        """Send bytes to it."""
        child = self._child
        if child is None or self._place is None:
            return
        for body in self._asked.cut(data)[1]:
            if may_refer(body):
                message = loads(body)
                self._shipped.difference_update(freed(message))
                for name in forgotten(message):
                    self._place.forget(name)
        child.send(data)
        if child.unsent and not child.silent:
            self._loop.add_writer(child.data, self._push)

    def _push(self) -> None:
        child = self._child
        if child is None:
            return
        child.push()
        if not child.unsent:
            self._loop.remove_writer(child.data)

    def write(self, name: str, capacity: int, offset: int, data: bytes) -> None:
        """Take in a part of an object."""
        if self._place is not None:
            self._place.write(name, capacity, offset, data)

    def ring(self, bell: bytes) -> None:
        """Interrupt it."""
        if self._child is not None:
            self._child.ring(bell)

    def kill(self) -> None:
        """End its process."""
        if self._child is not None:
            self._child.kill()

    # ---- from the executor

    async def next(self) -> Event:
        """Return the next event."""
        while (event := self._next()) is None:
            self._stirred.clear()
            await self._stirred.wait()
        return event

    def _next(self) -> Event | None:
        """The next event, if there is one; objects are read when their turn has come."""
        if not self._saying and self._outbox:
            data, pieces = self._outbox.fill(ROOM)
            self._saying.extend(("piece", piece) for piece in pieces)
            if data:
                self._saying.append(("data", data))
            if self._outbox.size < FULL:
                self._read_on()
        if self._saying and not self._over:
            return self._saying.popleft()
        if self._overheard:
            text = bytes(self._overheard)
            self._overheard.clear()
            return "output", text
        child = self._child
        if self._over or child is None or (child.silent and child.status is not None):
            return "ended", child.status if child is not None else None
        return None

    def _read(self, name: str, offset: int, size: int) -> bytes:
        if self._place is None:
            raise FileNotFoundError(f"the object {name} is gone with its executor")
        return self._place.read(name, offset, size)

    def let_go(self) -> None:
        """Have `next` return at once: nobody wants this executor any more."""
        self._over = True
        self._stirred.set()

    def _read_on(self) -> None:
        child = self._child
        if child is not None and not child.silent and not self._reading:
            self._reading = True
            self._loop.add_reader(child.data, self._hear)

    def _stop_reading(self) -> None:
        if self._reading and self._child is not None:
            self._reading = False
            self._loop.remove_reader(self._child.data)

    def _hear(self) -> None:
        child = self._child
        if child is None:
            return
        data = child.hear()
        if data:
            self._said(data)
        elif child.silent:
            self._stop_reading()
            self._loop.remove_writer(child.data)
            self._bury(child, asyncio.get_running_loop().time() + GRACE)
        if self._outbox.size >= FULL:
            self._stop_reading()
        self._stirred.set()

    def _said(self, data: bytes) -> None:
        raw, bodies = self._cutter.cut(data)
        for body in bodies:
            if may_refer(body):
                self._note_objects(loads(body))
        self._outbox.add(raw)

    def _note_objects(self, message: list[Any]) -> None:
        mine = f"{self._order['creator']}-"
        for name, capacity, _ in parts(message):
            if name.startswith(mine) and name not in self._shipped:
                self._shipped.add(name)
                self._outbox.add_object(name, capacity)

    def _overhear(self) -> None:
        child = self._child
        if child is None:
            return
        data = child.overhear()
        if data:
            self._overheard += data
            self._stirred.set()
        elif child.deaf:
            self._loop.remove_reader(child.output)

    def _bury(self, child: Child, deadline: float) -> None:
        """Its socket has ended; it does in a moment, or is killed."""
        if not child.reap():
            if self._loop.time() > deadline:
                child.kill()
            self._loop.call_later(TURN, self._bury, child, deadline)
            return
        if child is self._child:
            self._loop.remove_reader(child.output)
            while text := child.overhear():
                self._overheard += text
            self._stirred.set()

    # ---- the end

    async def end(self) -> int | None:
        """Let it end, and remove what it had; returns its wait status."""
        child, self._child = self._child, None
        if child is not None:
            if self._reading:
                self._loop.remove_reader(child.data)
            self._loop.remove_writer(child.data)
            self._loop.remove_reader(child.output)
            await asyncio.to_thread(child.end, GRACE)
        place, self._place = self._place, None
        if place is not None:
            await asyncio.to_thread(place.remove)
        return child.status if child is not None else None


def python_version() -> str:
    """The version of Python that executors have here."""
    return f"{sys.version_info[0]}.{sys.version_info[1]}"
