"""The client's side where nodes may be out of reach: directly if they answer, else through a relay.

For what is relayed, local socket pairs stand in the place of connections, and two threads pump.
"""

from __future__ import annotations

import itertools
import select
import socket
import threading

from flamepy.engines.ray.channel import RayChannel
from flamepy.engines.ray.streams import connect_streams
from flamepy.engines.ray.ticket import BELL, DATA, OUTPUT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flamepy.engines.ray.cluster import Cluster
    from flamepy.engines.ray.relay import Piece
    from flamepy.engines.ray.ticket import Address

DIRECT_SECONDS = 3.0
"""Seconds that a node has to answer; one that does not is relayed from then on."""

READ_BYTES = 1 << 20
"""Bytes taken from a stream at once."""

UNDER_WAY = 8
"""Calls that send, whose end was not heard of; more wait."""


class Pump:
    """All relayed streams of this process.

    Args:
        cluster: The connection, as a Ray client.

    Attributes:
        lost: Whether the relay is.
    """

    def __init__(self, cluster: Cluster) -> None:
        self.lost = False
        self._cluster = cluster
        self._ray = cluster.ray
        self._relay = cluster.relay()
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
        with self._lock:
            self._ends.update({(name, what): end for what, end in ends.items()})
        try:
            self._ray.get(self._relay.do.remote("connect", name, tuple(address), token))
        except self._ray.exceptions.RayError as error:
            for what, end in ends.items():
                del self._ends[name, what]
                end.close()
            raise ConnectionError(str(error).strip().splitlines()[-1]) from error
        with self._lock:
            for what in (DATA, BELL):
                self._names[ends[what].fileno()] = (name, what)
                self._poller.register(ends[what], select.POLLIN)
        self._wake.send(b"!")

    # ---- to executors

    def _send_all(self) -> None:
        under_way: list[Any] = []
        numbers = itertools.count()
        while True:
            pieces = [piece for descriptor, _ in self._poller.poll() if (piece := self._piece(descriptor))]
            if not pieces:
                continue
            try:
                under_way.append(self._relay.do.remote("send", next(numbers), pieces))
                if len(under_way) >= UNDER_WAY:
                    _, under_way = self._ray.wait(under_way, num_returns=1)
            except Exception:  # noqa: BLE001 - the connection to Ray is gone; `_receive_all` ends the streams
                return

    def _piece(self, descriptor: int) -> Piece | None:
        if descriptor == self._woken.fileno():
            self._woken.recv(4096)
            return None
        name, what = self._names[descriptor]
        end = self._ends[name, what]
        try:
            data = end.recv(READ_BYTES)
        except OSError:
            data = b""
        if not data:  # the engine has hung up, or the executor has
            self._poller.unregister(descriptor)
            with self._lock:
                del self._names[descriptor]
                self._ends.pop((name, what)).close()
        return name, what, data

    # ---- from executors

    def _receive_all(self) -> None:
        while True:
            try:
                pieces = self._ray.get(self._relay.do.remote("receive"))
            except Exception:  # noqa: BLE001 - the relay, or Ray, is gone: so are all streams
                self.lost = True
                self._cluster.relay_lost(self._relay)
                for end in list(self._ends.values()):
                    _shut(end)
                return
            for name, what, data in pieces:
                self._deliver(name, what, data)

    def _deliver(self, name: str, what: bytes, data: bytes) -> None:
        end = self._ends.get((name, what))
        if end is None:  # the engine has hung up
            return
        if data:
            try:
                end.sendall(data)
            except OSError:  # the engine has hung up
                return
        elif what == OUTPUT:
            self._ends.pop((name, what)).close()
        else:
            _shut(end)  # which `_piece` sees


def _shut(end: socket.socket) -> None:
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:  # it was
        return


class DistantChannel(RayChannel):
    """A channel to a node that may be out of reach; see `RayChannel`."""

    _pump: Pump | None = None

    @property
    def cut_off(self) -> bool:
        """Whether its relay is gone."""
        return self._pump is not None and self._pump.lost

    def _reach(self, address: Address) -> list[socket.socket]:
        cluster = self._cluster
        if not cluster.relays_all and address.node not in cluster.unreachable:
            try:
                return list(connect_streams(address, self._token, DIRECT_SECONDS).values())
            except OSError:
                cluster.unreachable.add(address.node)
        self._pump = cluster.pump()
        pairs = {what: socket.socketpair() for what in (DATA, BELL, OUTPUT)}
        try:
            self._pump.connect(self.name, address, self._token, {what: pair[1] for what, pair in pairs.items()})
        except OSError:
            for ours, _ in pairs.values():
                ours.close()
            raise
        return [ours for ours, _ in pairs.values()]
