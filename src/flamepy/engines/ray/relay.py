"""The actor that speaks to executors for a client which cannot reach the nodes: all streams travel in its calls.

Sending and receiving are concurrency groups of one thread each, so that each keeps its order and neither waits for
the other.
"""

from __future__ import annotations

import select
import socket
import threading
from collections import deque

import ray

from flamepy.engines.ray.streams import connect_streams

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flamepy.engines.ray.ticket import Address

    Piece = tuple[str, bytes, bytes]
    """Executor, stream (see `ticket`), bytes; none at the stream's end."""

READ_BYTES = 1 << 20
"""Bytes read from a stream at once."""

WAIT_SECONDS = 5.0
"""Seconds after which `Relay.receive` returns empty-handed, so that nothing waits for ever."""

HELD_BYTES = 64 << 20
"""Bytes that may wait for the client; then streams are not read."""

GROUPS = {"send": 1, "receive": 1, "connect": 1}


class Relay:
    """Connections of one client to its executors."""

    def __init__(self) -> None:
        self._streams: dict[tuple[str, bytes], socket.socket] = {}
        self._names: dict[int, tuple[str, bytes]] = {}
        self._poller = select.poll()
        self._news: deque[Piece] = deque()
        self._changed = threading.Condition()
        self._held = 0
        self._woken, self._wake = socket.socketpair()
        self._poller.register(self._woken, select.POLLIN)
        threading.Thread(target=self._read_all, name="flamepy-relay", daemon=True).start()

    @ray.method(concurrency_group="connect")
    def connect(self, name: str, address: Address, token: bytes) -> None:
        """Connect to an executor.

        Raises:
            OSError: Its node cannot be reached.
        """
        for what, stream in connect_streams(address, token).items():
            self._streams[name, what] = stream
            self._names[stream.fileno()] = (name, what)
            self._poller.register(stream, select.POLLIN)
        self._wake.send(b"!")

    @ray.method(concurrency_group="send")
    def send(self, pieces: list[Piece]) -> None:
        """Pass on what the client sends; no bytes: it hangs up."""
        for name, what, data in pieces:
            stream = self._streams.get((name, what))
            if stream is None:
                continue
            try:
                stream.sendall(data) if data else stream.shutdown(socket.SHUT_RDWR)
            except OSError:  # it has ended; the reader says so
                continue

    @ray.method(concurrency_group="receive")
    def receive(self) -> list[Piece]:
        """What executors have said since; waits a moment for something."""
        with self._changed:
            self._changed.wait_for(lambda: self._news, WAIT_SECONDS)
            pieces = list(self._news)
            self._news.clear()
            self._held = 0
            self._changed.notify_all()
        return pieces

    def _read_all(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._held < HELD_BYTES)
            for descriptor, _ in self._poller.poll():
                if descriptor == self._woken.fileno():
                    self._woken.recv(4096)
                else:
                    self._read(descriptor)

    def _read(self, descriptor: int) -> None:
        name, what = self._names[descriptor]
        stream = self._streams[name, what]
        try:
            data = stream.recv(READ_BYTES)
        except OSError:
            data = b""
        if not data:
            self._poller.unregister(descriptor)
            del self._streams[name, what], self._names[descriptor]
            stream.close()
        with self._changed:
            self._news.append((name, what, data))
            self._held += len(data)
            self._changed.notify_all()
