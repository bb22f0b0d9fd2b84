"""Connecting to an executor: three TCP connections that begin with its token and what they are for."""

from __future__ import annotations

import socket

from flamepy.engines.ray.ticket import BELL, DATA, OUTPUT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flamepy.engines.ray.ticket import Address

CONNECT_SECONDS = 20.0
"""Seconds in which a node has to answer."""

SOCKET_BYTES = 1 << 20
"""Send buffer; the system may allow less."""

KEEP_ALIVE = (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 4), ("TCP_USER_TIMEOUT", 30_000))
"""A connection ends half a minute after its other machine was lost."""


def connect_streams(address: Address, token: bytes) -> dict[bytes, socket.socket]:
    """Connect to an executor; returns its streams by what they are for.

    Raises:
        OSError: Its node cannot be reached.
    """
    streams: dict[bytes, socket.socket] = {}
    try:
        for what in (DATA, BELL, OUTPUT):
            stream = socket.create_connection((address.host, address.port), CONNECT_SECONDS)
            streams[what] = stream
            stream.sendall(token + what)
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
