"""The figures of the platform itself, under the questions that they are the floor of."""

from __future__ import annotations

from functools import partial
from statistics import median
from typing import TYPE_CHECKING

from bench.measures.calls import burners
from bench.measures.notes import check, percentile
from bench.peers import limits as platform

if TYPE_CHECKING:
    from bench.measures.notes import Notes
    from bench.peers.port import Peer

MIB = 1 << 20


def limits(_: Peer, notes: Notes) -> None:
    """All of them."""
    for name, call in (
        ("limit.socket", platform.socket_echo(spinning=False)),
        ("limit.spinning", platform.socket_echo(spinning=True)),
        ("limit.pipe", platform.pipe_echo()),
    ):
        check(call(1, 2), 3)
        notes.record(f"{name}.p50", 1e6 * percentile(notes.latencies(partial(call, 1, 2), 5000), 0.5))
    blocking = platform.socket_echo(spinning=False)
    with burners():
        notes.record("limit.socket.busy.p50", 1e6 * percentile(notes.latencies(lambda: blocking(1, 2)), 0.5))
    for size in (1, 64) if notes.quick else (1, 64, 512):
        notes.record(f"limit.memcpy.{size}M", 1e3 * platform.copy_seconds(size * MIB, 7))
        first, recycled = platform.shared_seconds(size * MIB)
        notes.record(f"limit.shared.{size}M.first", 1e3 * first)
        notes.record(f"limit.shared.{size}M", 1e3 * recycled)
    notes.record("limit.fork", 1e3 * median(platform.fork_seconds() for _ in range(20)))
