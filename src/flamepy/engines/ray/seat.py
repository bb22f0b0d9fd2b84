"""The actor that is an executor: `flamepy.runtime.loop` on its main thread, three streams to the client.

Ray runs methods of an actor on the main thread of its process, which is where signals interrupt and where user code
expects to be. `serve` stays in there as long as the executor lives; a call costs no Ray call.
"""

from __future__ import annotations

import atexit
import hmac
import os
import signal
import socket
import threading

from flamepy.engines.ray import folders
from flamepy.engines.ray.box import Box
from flamepy.engines.ray.store import RayHost
from flamepy.engines.ray.streams import WELCOME, prepare
from flamepy.engines.ray.ticket import BELL, DATA, OUTPUT, TOKEN_BYTES, Address, Ticket
from flamepy.errors import EngineUnavailable
from flamepy.runtime import loop

CONNECT_SECONDS = 60.0
"""Seconds that the client has to connect; it does so at once when it knows the address."""

RING = loop.BELL


class Seat:
    """One executor; made ahead of need, so it learns what it is for when it is opened."""

    def open(self, ticket: Ticket) -> Address:
        """Take the ticket and listen; returns where."""
        import ray

        self._ticket = ticket = Ticket(*ticket)
        folders.enter(ticket.client)
        self._box = Box(folders.memory_folder(ticket.client), ticket.name)
        self._running = self._box.record()
        host: str = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family)
        node = ray.get_runtime_context().get_node_id()
        return Address(node, host, self._listener.getsockname()[1], os.getpid())

    def serve(self) -> None:
        """Be the executor until the client hangs up."""
        streams = self._accept()
        ours, theirs = socket.socketpair()
        main = threading.get_ident()
        threading.Thread(
            target=_relay_rings, args=(streams[BELL], ours, main), name="flamepy-bell", daemon=True
        ).start()
        for descriptor in (1, 2):
            os.dup2(streams[OUTPUT].fileno(), descriptor)
        atexit._clear()  # what runs at the end is what tasks have registered; Ray ends the process by itself
        os._exit = self._box.leaving(os._exit)  # type: ignore[assignment]
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
        loop.main(streams[DATA].detach(), theirs.detach(), RayHost(self._ticket, self._running, self._box))
        self._box.remove()
        folders.depart()

    def _accept(self) -> dict[bytes, socket.socket]:
        streams: dict[bytes, socket.socket] = {}
        self._listener.settimeout(CONNECT_SECONDS)
        while len(streams) < 3:
            try:
                stream, _ = self._listener.accept()
            except TimeoutError as error:
                raise EngineUnavailable("no client connected to this executor") from error
            stream.settimeout(CONNECT_SECONDS)
            what = _welcomed(stream, self._ticket.token)
            if what not in (DATA, BELL, OUTPUT):
                stream.close()
                continue
            if what in streams:  # the first attempt to connect was given up in the middle
                streams.pop(what).close()
            stream.settimeout(None)
            prepare(stream)
            streams[what] = stream
        self._listener.close()
        return streams


def _welcomed(stream: socket.socket, token: bytes) -> bytes:
    """What the stream is for, or nothing if whoever connected does not know the token."""
    greeting = b""
    try:
        while len(greeting) < TOKEN_BYTES + 1:
            more = stream.recv(TOKEN_BYTES + 1 - len(greeting))
            if not more:
                return b""
            greeting += more
        if not hmac.compare_digest(greeting[:TOKEN_BYTES], token):
            return b""
        stream.sendall(WELCOME)
    except OSError:
        return b""
    return greeting[TOKEN_BYTES:]


def _relay_rings(stream: socket.socket, bell: socket.socket, main: int) -> None:
    """Pass on what the client rings, and have the main thread look."""
    pending = b""
    while data := _received(stream):
        pending += data
        whole = len(pending) - len(pending) % RING
        if whole:
            for start in range(0, whole, RING):
                bell.send(pending[start : start + RING])
            pending = pending[whole:]
            signal.pthread_kill(main, signal.SIGINT)


def _received(stream: socket.socket) -> bytes:
    try:
        return stream.recv(4096)
    except OSError:
        return b""
