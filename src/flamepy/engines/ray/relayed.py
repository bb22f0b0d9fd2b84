"""The client's side of a relay: local socket pairs in the place of connections, and two threads that pump."""

from __future__ import annotations

import os
import select
import socket
import threading

from flamepy.engines.ray.channel import RayChannel
from flamepy.engines.ray.relay import GROUPS, READ_BYTES, Relay
from flamepy.engines.ray.ticket import BELL, DATA, OUTPUT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flamepy.engines.ray.cluster import Cluster
    from flamepy.engines.ray.relay import Piece
    from flamepy.engines.ray.ticket import Address

UNDER_WAY = 8
"""Calls that send, whose end was not heard of; more wait."""


class Pump:
    """All relayed streams of this process.

    Args:
        ray: The module, connected as a Ray client.
    """

    def __init__(self, ray: Any) -> None:
        self._ray = ray
        actor: Any = ray.remote(concurrency_groups=GROUPS)(Relay)
        self._relay = actor.options(num_cpus=0, max_restarts=0).remote()
        self._ends: dict[tuple[str, bytes], socket.socket] = {}
        self._names: dict[int, tuple[str, bytes]] = {}
        self._poller = select.poll()
        self._lock = threading.Lock()
        self._woken, self._wake = socket.socketpair()
        self._poller.register(self._woken, select.POLLIN)
        for work in (self._send_all, self._receive_all):
            threading.Thread(target=work, name="flamepy-relay", daemon=True).start()

    def connect(self, name: str, address: Address, token: bytes, ends: dict[bytes, socket.socket]) -> None:
        """Have the relay connect to an executor, and pump between it and ``ends`` from now on.

        Raises:
            OSError: The relay cannot reach the executor.
        """
        call = self._relay.connect.remote(name, tuple(address), token)
        try:
            self._ray.get(call)
        except self._ray.exceptions.RayError as error:
            raise ConnectionError(str(error).strip().splitlines()[-1]) from error
        with self._lock:
            for what, end in ends.items():
                self._ends[name, what] = end
                if what != OUTPUT:
                    self._names[end.fileno()] = (name, what)
                    self._poller.register(end, select.POLLIN)
        self._wake.send(b"!")

    def _send_all(self) -> None:
        under_way: list[Any] = []
        while True:
            pieces = [piece for descriptor, _ in self._poller.poll() if (piece := self._piece(descriptor))]
            if not pieces:
                continue
            under_way.append(self._relay.send.remote(pieces))
            if len(under_way) >= UNDER_WAY:
                _, under_way = self._ray.wait(under_way, num_returns=1)

    def _piece(self, descriptor: int) -> Piece | None:
        if descriptor == self._woken.fileno():
            self._woken.recv(4096)
            return None
        with self._lock:
            name, what = self._names[descriptor]
            end = self._ends[name, what]
        try:
            data = end.recv(READ_BYTES)
        except OSError:
            data = b""
        if not data:  # the engine has hung up
            self._poller.unregister(descriptor)
            with self._lock:
                self._names.pop(descriptor)
        return name, what, data

    def _receive_all(self) -> None:
        while True:
            try:
                pieces = self._ray.get(self._relay.receive.remote())
            except Exception:  # noqa: BLE001 - the relay, or Ray, is gone: so are all streams
                pieces = [(name, what, b"") for name, what in list(self._ends)]
            for name, what, data in pieces:
                self._deliver(name, what, data)
            if not self._ray.is_initialized():
                return

    def _deliver(self, name: str, what: bytes, data: bytes) -> None:
        end = self._ends.get((name, what))
        if end is None:
            return
        try:
            if data:
                end.sendall(data)
                return
            end.shutdown(socket.SHUT_RDWR)
        except OSError:  # the engine has hung up
            pass
        if not data and what == OUTPUT:
            self._ends.pop((name, what)).close()


class RelayedChannel(RayChannel):
    """A channel over a relay.

    Args:
        cluster: Where the actor is.
        actor: Its handle.
        name: The executor's.
        token: Opens its streams.
    """

    def __init__(self, cluster: Cluster, actor: Any, name: str, token: bytes) -> None:
        super().__init__(cluster, actor, name, token)
        pairs = {what: socket.socketpair() for what in (DATA, BELL, OUTPUT)}
        self._theirs = {what: theirs for what, (_, theirs) in pairs.items()}
        for what, place in ((DATA, self.data.fileno()), (BELL, self._bell.fileno()), (OUTPUT, self.output)):
            with pairs[what][0] as ours:
                ours.setblocking(False)
                os.dup2(ours.fileno(), place, inheritable=False)

    def connect(self, address: Address) -> None:
        """Have the relay connect."""
        self.address = address
        self._cluster.pump().connect(self.name, address, self._token, self._theirs)
