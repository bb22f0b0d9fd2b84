"""The Unix socket on which the executor manager calls: accepts, reads, writes; knows nothing of what is called."""

from __future__ import annotations

import os
import select
import socket

from flamepy.engines.flame.host import http2

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

READ_BYTES = 1 << 18


class Call:
    """One call of the executor manager, to be answered once.

    Attributes:
        method: Its name, ``OnTaskInvoke`` for example.
        message: What came with it.
    """

    __slots__ = ("_peer", "_stream", "message", "method")

    def __init__(self, peer: _Peer, request: http2.Request) -> None:
        self._peer = peer
        self._stream = request.stream
        self.method = request.path.rpartition("/")[2]
        self.message = request.message

    def answer(self, message: bytes) -> None:
        """Answer it."""
        self._peer.protocol.answer(self._stream, message)
        self._peer.push()

    def refuse(self, text: str, status: int = http2.INTERNAL) -> None:
        """Answer it with an error."""
        self._peer.protocol.refuse(self._stream, status, text)
        self._peer.push()


class _Peer:
    """One connection."""

    def __init__(self, instance: Instance, sock: socket.socket) -> None:
        self.socket = sock
        self.protocol = http2.Connection()
        self._instance = instance
        self._unsent = b""

    def read(self) -> list[Call] | None:
        """Read what is there; None at the end of the connection."""
        try:
            data = self.socket.recv(READ_BYTES)
            requests = self.protocol.feed(data) if data else None
        except BlockingIOError:
            return []
        except (OSError, http2.ProtocolError, ValueError):
            return None
        if requests is None:
            return None
        self.push()
        return [Call(self, request) for request in requests]

    def push(self) -> None:
        """Send what is to be sent, as far as the socket takes it."""
        self._unsent += self.protocol.take()
        try:
            while self._unsent:
                self._unsent = self._unsent[self.socket.send(self._unsent) :]
        except BlockingIOError:
            pass
        except OSError:  # the next read says that it has ended
            self._unsent = b""
        self._instance.watch(self.socket.fileno(), writing=bool(self._unsent))


class Instance:
    """Serves one Unix socket.

    Args:
        path: Where the executor manager expects it.

    Attributes:
        abandoned: Whether everybody who had connected is gone.
    """

    def __init__(self, path: str) -> None:
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        hidden = f"{path}.{os.getpid()}"
        self._listener.bind(hidden)
        self._listener.listen()
        self._listener.setblocking(False)
        os.rename(hidden, path)  # it is there from the moment on at which somebody listens
        self._path = path
        self._poll = select.poll()
        self._poll.register(self._listener, select.POLLIN)
        self._peers: dict[int, _Peer] = {}
        self.abandoned = False

    @property
    def connected(self) -> bool:
        """Whether somebody is connected."""
        return bool(self._peers)

    def watch(self, descriptor: int, *, writing: bool = False) -> None:
        """Have `wait` return when a descriptor is ready."""
        self._poll.register(descriptor, select.POLLIN | (select.POLLOUT if writing else 0))

    def ignore(self, descriptor: int) -> None:
        """Watch it no longer."""
        try:
            self._poll.unregister(descriptor)
        except (KeyError, ValueError):
            return

    def wait(self, seconds: float | None) -> tuple[list[Call], set[int]]:
        """Wait for calls, and for descriptors that are watched.

        Returns:
            The calls that have come, and the descriptors of others that are ready.
        """
        calls: list[Call] = []
        others: set[int] = set()
        for descriptor, events in self._poll.poll(None if seconds is None else max(0, seconds) * 1000):
            if descriptor == self._listener.fileno():
                self._accept()
            elif descriptor not in self._peers:
                others.add(descriptor)
            else:
                calls += self._serve(self._peers[descriptor], events)
        return calls, others

    def _serve(self, peer: _Peer, events: int) -> Iterable[Call]:
        if events & select.POLLOUT:
            peer.push()
        calls = peer.read() if events & ~select.POLLOUT else []
        if calls is None:
            descriptor = peer.socket.fileno()
            self.ignore(descriptor)
            del self._peers[descriptor]
            peer.socket.close()
            self.abandoned = not self._peers
            return []
        return calls

    def _accept(self) -> None:
        try:
            sock, _ = self._listener.accept()
        except OSError:
            return
        sock.setblocking(False)
        peer = self._peers[sock.fileno()] = _Peer(self, sock)
        self.abandoned = False
        peer.push()

    def close(self) -> None:
        """Close everything, and remove the socket."""
        for peer in self._peers.values():
            peer.socket.close()
        self._listener.close()
        try:
            os.unlink(self._path)
        except OSError:
            return
