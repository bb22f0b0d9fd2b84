"""Connecting to an executor: three TCP connections that begin with its token and what they are for."""

from __future__ import annotations

import socket

from flamepy.engines.ray.ticket import BELL, DATA, OUTPUT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flamepy.engines.ray.ticket import Address

CONNECT_SECONDS = 20.0
"""Seconds in which a node has to answer."""

WELCOME = b"+"
"""What an executor says to whoever knows its token: an address may be somebody else's in the client's network."""

SOCKET_BYTES = 1 << 20
"""Send buffer; the system may allow less."""

KEEP_ALIVE = (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 4), ("TCP_USER_TIMEOUT", 30_000))
"""A connection ends half a minute after its other machine was lost."""


def connect_streams(address: Address, token: bytes, seconds: float = CONNECT_SECONDS) -> dict[bytes, socket.socket]:
    """Connect to an executor; returns its streams by what they are for: data, bell, output.

    Args:
        address: Where it listens.
        token: Its secret.
        seconds: How long its machine may take to answer.

    Raises:
        OSError: Its node cannot be reached.
    """
    streams: dict[bytes, socket.socket] = {}
    try:
        for what in (DATA, BELL, OUTPUT):
            stream = socket.create_connection((address.host, address.port), seconds)
            streams[what] = stream
            stream.settimeout(CONNECT_SECONDS)
            stream.sendall(token + what)
            if stream.recv(1) != WELCOME:
                raise ConnectionError("somebody else answers there")
            stream.settimeout(None)
            prepare(stream)
    except OSError:
        for stream in streams.values():
            stream.close()
        raise
    return streams


def prepare(stream: socket.socket) -> None:
    """Small messages leave at once, and a lost machine is noticed."""
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BYTES)
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in KEEP_ALIVE:
        if hasattr(socket, option):
            stream.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
