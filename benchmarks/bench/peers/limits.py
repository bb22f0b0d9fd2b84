"""What the platform itself can do, without any engine: the floor under every figure."""

from __future__ import annotations

import mmap
import multiprocessing
import os
import pickle
import socket
import time
from typing import TYPE_CHECKING, Any

from bench.peers.port import Peer

if TYPE_CHECKING:
    from collections.abc import Callable


class Limits(Peer):
    """Not an engine: its figures are made by `bench.measures.limits`."""

    def start(self) -> None:
        """Nothing to start."""

    def stop(self) -> None:
        """Nothing to stop."""


def socket_echo(spinning: bool) -> Callable[[int, int], Any]:
    """Return a call of ``a + b`` in a forked process, over a Unix socket with pickle and nothing else.

    Args:
        spinning: Whether both sides poll instead of sleeping.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in (ours, theirs):
        end.setblocking(not spinning)
    if not os.fork():
        ours.close()
        _serve(theirs)
        os._exit(0)
    theirs.close()

    def call(a: int, b: int) -> Any:
        ours.send(pickle.dumps((a, b), 5))
        return pickle.loads(_receive(ours))

    return call


def _receive(sock: socket.socket) -> bytes:
    while True:
        try:
            return sock.recv(4096)
        except BlockingIOError:
            continue


def _serve(sock: socket.socket) -> None:
    while message := _receive(sock):
        a, b = pickle.loads(message)
        sock.send(pickle.dumps(a + b, 5))


def pipe_echo() -> Callable[[int, int], Any]:
    """Return a call of ``a + b`` over `multiprocessing.Pipe`."""
    ours, theirs = multiprocessing.Pipe()
    if not os.fork():
        ours.close()
        try:
            while True:
                a, b = theirs.recv()
                theirs.send(a + b)
        except EOFError:
            os._exit(0)
    theirs.close()

    def call(a: int, b: int) -> Any:
        ours.send((a, b))
        return ours.recv()

    return call


def copy_seconds(size: int, rounds: int) -> float:
    """Return the best of some copies between two warm buffers."""
    import numpy as np

    source, target = np.ones(size, np.uint8), np.zeros(size, np.uint8)
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        target[:] = source
        taken.append(time.perf_counter() - start)
    return sorted(taken)[len(taken) // 2]


def shared_seconds(size: int) -> tuple[float, float]:
    """Return the seconds for copying into fresh shared memory, and into the same once more."""
    import numpy as np

    source = np.ones(size, np.uint8)
    with mmap.mmap(-1, size) as shared:
        target = np.frombuffer(shared, np.uint8)
        taken = []
        for _ in range(4):
            start = time.perf_counter()
            target[:] = source
            taken.append(time.perf_counter() - start)
        del target
    return taken[0], sorted(taken[1:])[1]


def fork_seconds() -> float:
    """Return the seconds from a fork to the end of the child."""
    start = time.perf_counter()
    pid = os.fork()
    if not pid:
        os._exit(0)
    os.waitpid(pid, 0)
    return time.perf_counter() - start
