"""One executor somewhere in a cluster, as the linked engine sees it: a socket pair whose far end this driver serves."""

from __future__ import annotations

import asyncio
import os
import socket
from marshal import loads
from typing import TYPE_CHECKING

from flamepy.engines.flame.host.outbox import Outbox
from flamepy.engines.flame.host.traffic import Cutter, may_refer, parts
from flamepy.engines.linked.process import End
from flamepy.wire.frames import Ask

if TYPE_CHECKING:
    from typing import Any

    from flamepy.engines.flame.carrier import FlameCarrier
    from flamepy.model.specs import SessionSpec

READ_BYTES = 1 << 18
SOCKET_BYTES = 1 << 20
FULL = 8 << 20
"""Bytes that wait to leave after which no more are taken from the engine."""

PATIENCE = 30.0
"""Seconds within which the end of an executor is reported."""


class Pipe:
    """The connection to one executor; see `flamepy.engines.linked.carrier.Channel`.

    Methods of the first part are for the engine and may be called on any thread, those of the second belong to the
    wire's loop.

    Args:
        carrier: Whose.
        number: The executor's.
        spec: The service that it works for.
    """

    is_open = False
    patience = PATIENCE

    def __init__(self, carrier: FlameCarrier, number: int, spec: SessionSpec) -> None:
        self.number = number
        self.spec = spec
        self.node = ""
        self.pid = 0
        self.last_running = 0
        self._carrier = carrier
        self._wire = carrier.wire
        self.data, self._far = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self.output, self._far_output = os.pipe()
        for end in (self.data, self._far):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BYTES)
            end.setblocking(False)
        os.set_blocking(self.output, False)
        os.set_blocking(self._far_output, False)
        self._bells = b""
        self._killed = self._hung_up = self._reading = self._over = False
        self._outbox = Outbox(carrier.objects.read)
        self._asked = Cutter()
        self._delivered: set[str] = set()
        self.stirred = asyncio.Event()

    # ---- for the engine

    def ring(self, why: bytes, sequence: int) -> None:
        """Interrupt it."""
        bell = why + sequence.to_bytes(8, "little")
        self._wire.soon(lambda: self._add_bell(bell))

    def running(self) -> int | None:
        """What it said last."""
        return self.last_running

    def kill(self) -> None:
        """End its process."""
        self._wire.soon(self._be_killed)

    def hang_up(self) -> None:
        """Close our end; that tells the far end to let it go."""
        self.data.close()

    def bury(self) -> None:
        """It is gone."""
        self._carrier.buried(self.number)

    # ---- on the wire's loop

    def start_reading(self) -> None:
        """Take what the engine says, as long as there is room for it."""
        if not self._reading and not self._hung_up and self._outbox.size < FULL:
            self._reading = True
            self._wire.loop.add_reader(self._far, self._readable)

    def _stop_reading(self) -> None:
        if self._reading:
            self._reading = False
            self._wire.loop.remove_reader(self._far)

    def _readable(self) -> None:
        try:
            data = self._far.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._hung_up = True
            self._stop_reading()
        else:
            self._asked_for(data)
            if self._outbox.size >= FULL:
                self._stop_reading()
        self.stirred.set()

    def _asked_for(self, data: bytes) -> None:
        raw, bodies = self._asked.cut(data)
        for body in bodies:
            self.asked(body)
            if may_refer(body):
                self._note_objects(loads(body))
        self._outbox.add(raw)

    def asked(self, body: bytes) -> None:
        """The engine sends a message."""

    def _note_objects(self, message: list[Any]) -> None:
        for place in range(0, len(message), 2):
            kind, body = message[place], message[place + 1]
            if kind == Ask.FORGET:
                self._delivered.difference_update(body)
            elif kind != Ask.REUSE and (type(body) is tuple or type(body) is list):
                for name, capacity, _ in parts((body,)):
                    if name not in self._delivered and not name.startswith(f"e{self.number}-"):
                        self._delivered.add(name)
                        self._outbox.add_object(name, capacity)

    def _add_bell(self, bell: bytes) -> None:
        self._bells += bell
        self.stirred.set()

    def _be_killed(self) -> None:
        self._killed = True
        self.stirred.set()

    async def tell(self, data: bytes) -> None:
        """Pass on what the executor has said."""
        if data and not self._hung_up:
            try:
                await self._wire.loop.sock_sendall(self._far, data)
            except OSError:  # the engine has hung up
                self._hung_up = True

    def tell_output(self, data: bytes) -> None:
        """Pass on what it wrote to its descriptors; what does not fit into the pipe at once is cut."""
        try:
            if data:
                os.write(self._far_output, data)
        except OSError:
            return

    def started(self, pid: int, node: str) -> None:
        """It exists."""
        if not self.pid:
            self.pid, self.node = pid, node
            self._carrier.report_started(self.number, pid)

    def ended(self, end: End) -> None:
        """It is gone, and all that it said was told; once."""
        if self._over:
            return
        self._over = True
        self._stop_reading()
        self._far.close()
        os.close(self._far_output)
        self._carrier.report_ended(self.number, end)
