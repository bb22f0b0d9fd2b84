"""Large arguments, large results, and objects by reference."""

from __future__ import annotations

import time
from statistics import median
from typing import TYPE_CHECKING

import work

from bench.measures.notes import check

if TYPE_CHECKING:
    from bench.measures.notes import Notes
    from bench.peers.port import Peer

MIB = 1 << 20


def _sizes(notes: Notes) -> tuple[int, ...]:
    return (1, 64) if notes.quick else (1, 64, 512)


def _afresh(peer: Peer) -> None:
    """Start a new engine, so that the first object of a size finds no memory that another one has touched."""
    peer.stop()
    peer.start()


def arguments(peer: Peer, notes: Notes) -> None:
    """A numpy array as an argument: the first of its size, and later ones."""
    import numpy as np

    for size in _sizes(notes):
        with notes.question(f"argument.{size}M.first", f"argument.{size}M"):
            if size > 1:
                _afresh(peer)
            ask = peer.ask_function(work.look)
            ask(peer.buffer(np.arange(4, dtype=np.uint8)))
            array = np.ones(size * MIB, np.uint8)
            copy = array.copy()
            taken, copied = [], []
            for number in range(4 if size == 512 or notes.quick else 8):
                array[0] = number
                start = time.perf_counter()
                copy[:] = array
                copied.append(time.perf_counter() - start)
                data = peer.buffer(array)
                start = time.perf_counter()
                answer = ask(data)
                taken.append(time.perf_counter() - start)
                check(tuple(answer), (size * MIB, number, 1))
            notes.record(f"argument.{size}M.first", 1e3 * taken[0])
            notes.record(f"argument.{size}M", 1e3 * median(taken[1:]))
            notes.record(f"argument.{size}M.memcpy", 1e3 * median(copied))
            notes.record(f"argument.{size}M.copies", median(taken[1:]) / median(copied))


def results(peer: Peer, notes: Notes) -> None:
    """A numpy array as a result; it lies ready in the executor, so that making it costs nothing."""
    import numpy as np

    np.zeros(1)
    for size in _sizes(notes):
        with notes.question(f"result.{size}M.first", f"result.{size}M"):
            if size > 1:
                _afresh(peer)
            check(peer.ask_method("prepare")(size * MIB), size * MIB)
            ask = peer.ask_method("array")
            taken = []
            for number in range(4 if size == 512 or notes.quick else 8):
                start = time.perf_counter()
                answer = ask(number)
                seconds = time.perf_counter() - start
                check((len(answer), int(answer[-1])), (size * MIB, number))
                del answer
                taken.append(seconds)
            notes.record(f"result.{size}M.first", 1e3 * taken[0])
            notes.record(f"result.{size}M", 1e3 * median(taken[1:]))


def reference(peer: Peer, notes: Notes) -> None:
    """The sum of an array that was stored once, and what of the round trip is not the sum itself."""
    import numpy as np

    with notes.question("reference.64M", "reference.64M.total"):
        array = np.ones(64 * MIB // 8)
        stored = peer.put(array)
        ask = peer.ask_function(work.total)
        for _ in range(2 * peer.executors):
            ask(stored)
        above, whole = [], []
        for _ in range(5 if notes.quick else 15):
            start = time.perf_counter()
            value, inside = ask(stored)
            seconds = time.perf_counter() - start
            check(value, float(array.size))
            above.append(1e3 * (seconds - inside))
            whole.append(1e3 * seconds)
        notes.record("reference.64M", above)
        notes.record("reference.64M.total", whole)
