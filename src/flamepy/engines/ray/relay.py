"""The actor that acts for a distant client inside of the cluster: speaks to executors, and knows Ray objects.

Streams of executors that the client cannot reach by TCP travel as bytes in this actor's calls. It runs them on several
threads, so what the client sends is numbered, and passed on in that order.
"""

from __future__ import annotations

import select
import socket
import threading
from collections import deque

from flamepy.engines.ray.store import adopt_reference, fetch, reference_of
from flamepy.engines.ray.streams import connect_streams

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flamepy.engines.ray.ticket import Address

    Piece = tuple[str, bytes, bytes]
    """Executor, stream (see `ticket`), bytes; none at the stream's end."""

READ_BYTES = 1 << 20
"""Bytes read from a stream at once."""

WAIT_SECONDS = 5.0
"""Seconds after which `Relay.receive` returns empty-handed, so that nothing waits for ever."""

HELD_BYTES = 64 << 20
"""Bytes that may wait for the client; then streams are not read."""

THREADS = 16
"""Calls at the same time."""


class Relay:
    """One client's hands and eyes in the cluster."""

    def __init__(self) -> None:
        self._streams: dict[tuple[str, bytes], socket.socket] = {}
        self._names: dict[int, tuple[str, bytes]] = {}
        self._poller = select.poll()
        self._news: deque[Piece] = deque()
        self._changed = threading.Condition()
        self._held = 0
        self._early: dict[int, list[Piece]] = {}
        self._next = 0
        self._sending = threading.Lock()
        self._woken, self._wake = socket.socketpair()
        self._poller.register(self._woken, select.POLLIN)
        threading.Thread(target=self._read_all, name="flamepy-relay", daemon=True).start()

    # ---- streams

    def connect(self, name: str, address: Address, token: bytes) -> None:
        """Connect to an executor.

        Raises:
            OSError: Its node cannot be reached.
        """
        from flamepy.engines.ray.ticket import Address

        for what, stream in connect_streams(Address(*address), token).items():
            self._streams[name, what] = stream
            self._names[stream.fileno()] = (name, what)
            self._poller.register(stream, select.POLLIN)
        self._wake.send(b"!")

    def send(self, number: int, pieces: list[Piece]) -> None:
        """Pass on what the client sends; no bytes: it hangs up.

        Args:
            number: Of the call, from 0; one that comes before those below it waits for them.
            pieces: In order.
        """
        with self._sending:
            self._early[number] = pieces
            while self._next in self._early:
                for name, what, data in self._early.pop(self._next):
                    self._pass_on(self._streams.get((name, what)), data)
                self._next += 1

    def _pass_on(self, stream: socket.socket | None, data: bytes) -> None:
        if stream is None:
            return
        try:
            stream.sendall(data) if data else stream.shutdown(socket.SHUT_RDWR)
        except OSError:  # it has ended; the reader says so
            return

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

    # ---- objects

    def describe(self, refs: list[Any]) -> tuple[bytes, bytes, bytes]:
        """A Ray reference as it travels in our messages."""
        return reference_of(refs[0])

    def adopt(self, travelled: tuple[bytes, bytes, bytes]) -> list[Any]:
        """The other way: the reference that travelled, which Ray gives to the client."""
        return [adopt_reference(travelled)]

    def read(self, refs: list[Any]) -> list[bytes]:
        """The buffers of an object, in a form that a Ray client can take."""
        return [bytes(view) for view in fetch(refs[0])]
