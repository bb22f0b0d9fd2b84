"""The server side of ``control.sock``: one request and one answer per connection, never waiting for anybody.

::

    flmctl ── length, JSON ──► ControlServer ── request ──► handler (the engine)
           ◄── length, JSON ──               ◄── answer ──

The engine's own loop polls ``fileno()`` and calls ``handle_ready()``; connections are kept in an inner epoll or
kqueue, so that one descriptor stands for all of them and a client that is stuck costs nothing but its place.
Only processes of the same user are answered. Messages are four bytes of length, big-endian, and a JSON object.
"""

from __future__ import annotations

import _socket
import os
import sys
from _socket import AF_UNIX, SOCK_STREAM, SOL_SOCKET, socket
from time import monotonic

from flamepy.engines.linked.inspection.private_files import unlink
from flamepy.engines.linked.poller import READ, WRITE, descriptor_set
from flamepy.errors import FlameError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Protocol

    from flamepy.model.snapshot import Snapshot

    Handler = Callable[[dict[str, Any]], Mapping[str, Any]]

    class Controlled(Protocol):
        """What an engine offers to ``flmctl``; see `flamepy.engines.port.Inspector` for the meanings."""

        def snapshot(self) -> Snapshot:
            """What the engine holds now."""

        def close_session(self, session: str) -> None:
            """Close a session."""

        def cancel_task(self, session: str, task: str) -> None:
            """Cancel one task."""


REQUEST_LIMIT = 64 * 1024
"""Bytes that a request may have."""

LENGTH_BYTES = 4

_CONNECTION_LIMIT = 16
_BACKLOG = 128
_CONNECTION_SECONDS = 5.0
_CHUNK = 1 << 18
# The host program may have given SIGPIPE back its default, which would end it when a client has gone.
_SEND_FLAGS: int = getattr(_socket, "MSG_NOSIGNAL", 0)


class ControlServer:
    """Answers requests on a Unix socket, driven by somebody else's loop.

    Args:
        path: Where the socket is made; its folder is private. A socket that is there already is replaced.
        handler: Gets each request and returns the answer; it must be quick. See `handler_for`. A `FlameError` of its
            own is passed on as its message; any other exception is answered as an internal error.

    Raises:
        OSError: The socket cannot be made.

    Example:
        >>> server = ControlServer(place.control_path, handler_for(engine))  # doctest: +SKIP
        >>> poll.register(server.fileno(), select.POLLIN)  # doctest: +SKIP
        >>> server.handle_ready()  # doctest: +SKIP
    """

    __slots__ = ("_connections", "_handler", "_listener", "_path", "_ready")

    def __init__(self, path: str, handler: Handler) -> None:
        self._path = path
        self._handler = handler
        self._connections: dict[int, _Connection] = {}
        self._listener = _listen(path)
        self._ready = descriptor_set()
        self._ready.register(self._listener.fileno(), READ)

    def fileno(self) -> int:
        """The descriptor that turns readable when `handle_ready` has something to do."""
        return self._ready.fileno()

    def handle_ready(self) -> None:
        """Do all that can be done without waiting; returns at once if that is nothing."""
        self._drop_overdue()
        for descriptor, _ in self._ready.poll(0):
            if descriptor == self._listener.fileno():
                self._accept()
            elif descriptor in self._connections:
                self._advance(self._connections[descriptor])

    def disown(self) -> None:
        """Close a forked child's copies of the descriptors; the socket is its parent's."""
        for connection in self._connections.values():
            connection.socket.close()
        self._listener.close()
        self._ready.close()

    def close(self) -> None:
        """Stop answering and remove the socket; idempotent."""
        for connection in list(self._connections.values()):
            self._drop(connection)
        if self._listener.fileno() < 0:
            return
        self._listener.close()
        self._ready.close()
        unlink(self._path)

    def _accept(self) -> None:
        try:
            # What socket.socket.accept() calls; the socket module itself would cost milliseconds to import.
            descriptor, _ = self._listener._accept()  # type: ignore[attr-defined]
        except OSError:
            return
        connection = _Connection(socket(AF_UNIX, SOCK_STREAM, 0, descriptor))
        if peer_uid(connection.socket) != os.geteuid():
            connection.socket.close()
            return
        if len(self._connections) >= _CONNECTION_LIMIT:
            self._drop(next(iter(self._connections.values())))
        connection.socket.settimeout(0)
        self._connections[descriptor] = connection
        self._ready.register(descriptor, READ)

    def _advance(self, connection: _Connection) -> None:
        try:
            if not connection.answer:
                request = connection.receive()
                if request is None:
                    return
                connection.answer = memoryview(_framed(self._answer(request)))
                self._ready.modify(connection.socket.fileno(), WRITE)
            if connection.send():
                self._drop(connection)
        except (BlockingIOError, InterruptedError):
            return
        except (OSError, ValueError):
            self._drop(connection)

    def _answer(self, request: bytes) -> bytes:
        import json

        try:
            return json.dumps({"ok": dict(self._handler(_parsed(request)))}).encode()
        except FlameError as error:
            return json.dumps({"error": str(error)}).encode()
        except Exception as error:  # noqa: BLE001 - a bug in an answer must not end the engine's loop
            return json.dumps({"error": f"internal error: {type(error).__name__}: {error}"}).encode()

    def _drop_overdue(self) -> None:
        now = monotonic()
        for connection in [each for each in self._connections.values() if each.deadline < now]:
            self._drop(connection)

    def _drop(self, connection: _Connection) -> None:
        descriptor = connection.socket.fileno()
        del self._connections[descriptor]
        self._ready.unregister(descriptor)
        connection.socket.close()


class _Connection:
    """One client: what it has sent so far, or what is still to be sent to it."""

    __slots__ = ("answer", "deadline", "received", "socket")

    def __init__(self, client: socket) -> None:
        self.socket = client
        self.received = bytearray()
        self.answer = memoryview(b"")
        self.deadline = monotonic() + _CONNECTION_SECONDS

    def receive(self) -> bytes | None:
        """Read what is there; the request if it is complete.

        Raises:
            ValueError: The client does not speak this protocol, or has gone.
        """
        data = self.socket.recv(REQUEST_LIMIT)
        if not data:
            raise ValueError("the client has gone")
        self.received += data
        if len(self.received) < LENGTH_BYTES:
            return None
        size = int.from_bytes(self.received[:LENGTH_BYTES], "big")
        if size > REQUEST_LIMIT or len(self.received) > LENGTH_BYTES + size:
            raise ValueError("not a request")
        return bytes(self.received[LENGTH_BYTES:]) if len(self.received) == LENGTH_BYTES + size else None

    def send(self) -> bool:
        """Send what the client takes now; whether that was all."""
        while self.answer:
            self.answer = self.answer[self.socket.send(self.answer[:_CHUNK], _SEND_FLAGS) :]
            self.deadline = monotonic() + _CONNECTION_SECONDS
        return True


def handler_for(engine: Controlled) -> Handler:
    """Return a `ControlServer` handler that knows the three verbs: snapshot, close_session and cancel_task.

    Args:
        engine: Asked on the thread that calls `ControlServer.handle_ready`; raises `EngineError` for what it cannot do.
    """

    def handle(request: dict[str, Any]) -> Mapping[str, Any]:
        verb = request.get("verb")
        if verb == "snapshot":
            from flamepy.engines.linked.inspection.records import encode

            return encode(engine.snapshot())
        if verb == "close_session":
            engine.close_session(_text(request, "session"))
        elif verb == "cancel_task":
            engine.cancel_task(_text(request, "session"), _text(request, "task"))
        else:
            raise FlameError(f"this engine does not know the request {verb!r}; is flmctl newer than the program?")
        return {}

    return handle


def peer_uid(connection: socket) -> int:
    """Return the user id of the process at the other end of a Unix socket.

    Raises:
        OSError: The socket is not connected.
    """
    if sys.platform == "linux":
        # struct ucred: pid, uid, gid.
        credentials = connection.getsockopt(SOL_SOCKET, _socket.SO_PEERCRED, 12)
    else:
        # struct xucred of <sys/ucred.h>, by LOCAL_PEERCRED (1) at SOL_LOCAL (0): version, uid, groups.
        credentials = connection.getsockopt(0, 1, 76)
    return int.from_bytes(credentials[4:8], sys.byteorder)


def _listen(path: str) -> socket:
    unlink(path)
    listener = socket(AF_UNIX, SOCK_STREAM)
    try:
        listener.bind(path)
        listener.listen(_BACKLOG)
        listener.settimeout(0)
    except OSError:
        listener.close()
        raise
    return listener


def _framed(message: bytes) -> bytes:
    return len(message).to_bytes(LENGTH_BYTES, "big") + message


def _parsed(message: bytes) -> dict[str, Any]:
    import json

    try:
        request = json.loads(message)
    except (ValueError, RecursionError) as error:
        raise FlameError("the request is not JSON") from error
    if not isinstance(request, dict):
        raise FlameError("the request is not an object")
    return request


def _text(request: dict[str, Any], key: str) -> str:
    value = request.get(key)
    if not isinstance(value, str):
        raise FlameError(f"the request lacks {key!r}")
    return value
