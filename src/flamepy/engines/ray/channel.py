"""The streams to one executor: data, bell and raw output, straight to its node."""

from __future__ import annotations

import os
import socket
import threading

from flamepy.engines.ray.streams import connect_streams

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from flamepy.engines.ray.cluster import Cluster
    from flamepy.engines.ray.ticket import Address

PATIENCE = 60.0
"""Seconds in which Ray notices that a node was lost."""


class RayChannel:
    """One actor; see `flamepy.engines.linked.carrier.Channel`.

    Args:
        cluster: Where it is.
        actor: Its handle.
        name: The executor's, unique among the client's.
        token: Opens its streams.
        when_closed: Called when its streams have been closed, by whomever.

    Attributes:
        address: Where it listens, once it does.
        told: Whether it was told to end.
        takes: Results of it that are becoming Ray objects.
    """

    patience = PATIENCE

    def __init__(
        self, cluster: Cluster, actor: Any, name: str, token: bytes, when_closed: Callable[[], object]
    ) -> None:
        self.name = name
        self.actor = actor
        self.told = False
        self.takes: set[Any] = set()
        self.address: Address | None = None
        self.is_open = False
        # Their numbers are given out before there is anything to connect to; `connect` puts connections behind them.
        self.data = socket.socket()
        self._bell = socket.socket()
        self.output = socket.socket().detach()  # whoever reads it closes it
        self._closing = threading.Lock()
        self._closed = False
        self._cluster = cluster
        self._token = token
        self._when_closed = when_closed
        self._owner = os.getpid()

    @property
    def cut_off(self) -> bool:
        """Whether what carried its streams is gone, and not it."""
        return False

    @property
    def node(self) -> str:
        """The machine that Ray has chosen."""
        return self._cluster.name_of(self.address.node) if self.address is not None else "?"

    def connect(self, address: Address) -> None:
        """Connect to the executor.

        Raises:
            OSError: Its node cannot be reached, or the channel was closed meanwhile.
        """
        self.address = address
        streams = self._reach(address)
        try:
            for stream in streams:
                stream.setblocking(False)
            self._put_behind(streams)
        finally:
            for stream in streams:
                stream.close()

    def _reach(self, address: Address) -> list[socket.socket]:
        return list(connect_streams(address, self._token).values())

    def _put_behind(self, connections: list[socket.socket]) -> None:
        places = (self.data.fileno(), self._bell.fileno(), self.output)
        with self._closing:  # a number that was closed may be somebody else's by now
            if self._closed:
                raise ConnectionAbortedError("the executor is not needed any more")
            for connection, place in zip(connections, places, strict=True):
                os.dup2(connection.fileno(), place, inheritable=False)

    def ring(self, why: bytes, sequence: int) -> None:
        """Say it on the bell's stream; a thread there passes it on."""
        try:
            self._bell.send(why + sequence.to_bytes(8, "little"))
        except OSError:  # it has ended, or has not begun
            return

    def running(self) -> int | None:
        """Only its node knows."""
        return None

    def kill(self) -> None:
        """Kill its process."""
        self.told = True
        self._cluster.kill(self.actor)

    def hang_up(self) -> None:
        """Close our ends; an idle executor ends then, and one that has not begun is not needed."""
        with self._closing:
            self._closed = True
        if self.takes and os.getpid() == self._owner:
            threading.Thread(target=self._hang_up_later, name="flamepy-hang-up", daemon=True).start()
        else:
            self._close()
        if self.address is None and os.getpid() == self._owner:
            self.told = True
            self._cluster.kill(self.actor)

    def _hang_up_later(self) -> None:
        """An executor that ends removes its files; results of it are still on their way into Ray objects."""
        self._cluster.wait_for(list(self.takes))
        self._close()

    def _close(self) -> None:
        self.data.close()
        self._bell.close()
        if os.getpid() == self._owner:
            self._when_closed()

    def bury(self) -> None:
        """Remove what is left of it on its node."""
        if self.address is not None:
            self._cluster.clear(self.address.node, self.name)
