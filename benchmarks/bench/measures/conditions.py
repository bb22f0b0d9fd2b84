"""Whether flamepy is as fast with a long history, without shown logs, and with many results alive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.measures.calls import pipelined, round_trip

if TYPE_CHECKING:
    from bench.measures.notes import Notes
    from bench.peers.port import Peer

ALIVE = 100_000


def conditions(peer: Peer, notes: Notes) -> None:
    """The round trip and the rate of one service."""
    round_trip(peer, notes, "roundtrip")
    with notes.question("pipelined"):
        notes.record("pipelined", notes.rate(lambda count: pipelined(peer, count)))


def exprs(peer: Peer, notes: Notes) -> None:
    """The same while the results of many calls are kept."""
    submit = peer.submit_method("add")
    alive = [submit(number, 1) for number in range(ALIVE)]
    peer.collect(alive)
    conditions(peer, notes)
    del alive


def fill_history(sessions: int) -> None:
    """Make as many sessions of the past as the history keeps, in the state folder of the environment."""
    import time

    from flamepy.engines.linked.inspection.ended import record_end
    from flamepy.engines.linked.inspection.history import fold_ended
    from flamepy.model.snapshot import SessionRecord, Snapshot

    now = time.time()
    for engine in range(10):
        records = tuple(
            SessionRecord(
                id=f"past-{engine}-{number}",
                name="past",
                state="Closed",
                application="flmrun",
                resources="cpu=1",
                succeed=100,
                created=now - 1000,
                ended=now - 999,
            )
            for number in range(sessions // 10)
        )
        record_end(
            Snapshot(
                engine=f"past-{engine}", endpoint="local://", pid=1, live=False, created=now - 1000, sessions=records
            )
        )
    fold_ended()
