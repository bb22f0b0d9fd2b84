"""What grows: executors, tasks outstanding, and one service at the cost of another."""

from __future__ import annotations

import os
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import work

from bench.measures.calls import no_garbage, pipelined, pipelined_functions
from bench.measures.notes import check, percentile
from bench.peers.port import Unsupported
from bench.processes import family, memory

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.measures.notes import Notes
    from bench.peers.port import Peer

WORK_SECONDS = 0.001
CHUNKS = 100


def executors(peer: Peer, notes: Notes) -> None:
    """Functions that do nothing, and functions of a millisecond, over one to N executors."""
    peer.stop()
    most = 2 * (os.cpu_count() or 1)
    counts = [count for count in (1, 2, 4, 8, 16) if count <= most]
    for count in counts:
        with notes.question(f"executors.{count}", f"executors.{count}.work"):
            other = type(peer)(count)
            other.start()
            try:
                notes.record(f"executors.{count}", notes.rate(partial(pipelined_functions, other)))
                notes.record(f"executors.{count}.work", _work_rate(other, 400 if notes.quick else 1000))
            finally:
                other.stop()
    peer.start()


def _work_rate(peer: Peer, count: int) -> float:
    submit = peer.submit_function(work.spin)
    peer.collect([submit(WORK_SECONDS) for _ in range(count // 2)])
    submit = peer.submit_function(work.spin)
    start = time.perf_counter()
    peer.collect([submit(WORK_SECONDS) for _ in range(count)])
    return count / (time.perf_counter() - start)


def outstanding(peer: Peer, notes: Notes) -> None:
    """The cost of a task when 10 to a million are submitted before the first result is asked for."""
    limit = 0.7 if notes.quick else 12.0
    seconds = 0.0
    for power in range(1, 7):
        count = 10**power
        names = (f"outstanding.{count}",)
        with notes.question(*names):
            if seconds * 10 > limit:
                raise Unsupported(f"it would take more than {limit:g} s")
            repeats = 1 if count >= 100_000 else max(3, 3000 // count)
            taken = sorted(pipelined(peer, count) for _ in range(repeats))
            seconds = taken[len(taken) // 2]
            notes.record(names[0], 1e6 * seconds / count)


def held(peer: Peer, notes: Notes) -> None:
    """The memory of tasks that wait behind a long one, in all processes of the engine."""
    with notes.question("held.bytes", "held.count"):
        rate = 2000 / pipelined(peer, 2000)
        count = 100_000 if rate > 20_000 and not notes.quick else 10_000 if rate > 20_000 else 2_000
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "go")
            hold = peer.submit_method("hold")
            submit = peer.submit_method("add")
            first = hold(str(path))
            if first is None:
                raise Unsupported("its calls are no futures")
            time.sleep(0.2)
            with no_garbage():
                before = memory(family())
                submitted = [submit(number, 1) for number in range(count)]
                time.sleep(0.5)
                used = memory(family()) - before
            path.touch()
            check(peer.collect([first]), [0])
            check(peer.collect(submitted), list(range(1, count + 1)))
        notes.record("held.bytes", used / count)
        notes.record("held.count", count)


def fairness(peer: Peer, notes: Notes) -> None:
    """The round trip of one service, alone and while another is flooded."""
    names = (
        "fairness.alone",
        "fairness.paced",
        "fairness.flooded",
        "fairness.flooded.p99",
        "fairness.first",
        "fairness.ratio",
        "fairness.paced.ratio",
    )
    with notes.question(*names):
        ask = peer.ask_method("add", 1)
        rate = 1000 / pipelined(peer, 1000)
        count = 100_000 if rate > 20_000 else int((1 if notes.quick else 3) * rate)
        alone = percentile(notes.latencies(lambda: ask(1, 2)), 0.5)
        paced = percentile([_after_work(lambda: ask(1, 2)) for _ in range(CHUNKS)], 0.5)
        taken: list[float] = []
        firsts = []
        for _ in range(1 if notes.quick else 5):
            between, first = _flooded(peer, count, ask)
            firsts.append(1e6 * first)
            taken += between
        notes.record("fairness.alone", 1e6 * alone)
        notes.record("fairness.paced", 1e6 * paced)
        notes.record("fairness.flooded", 1e6 * percentile(taken, 0.5))
        notes.record("fairness.flooded.p99", 1e6 * percentile(taken, 0.99))
        notes.record("fairness.first", firsts)
        notes.record("fairness.ratio", percentile(taken, 0.5) / alone)
        notes.record("fairness.paced.ratio", percentile(taken, 0.5) / paced)


def _after_work(ask: Callable[[], Any]) -> float:
    """A round trip in the rhythm of the flood: between two of them its client computes, and both ends fall asleep."""
    start = time.perf_counter()
    while time.perf_counter() - start < 0.001:
        pass
    start = time.perf_counter()
    ask()
    return time.perf_counter() - start


def _flooded(peer: Peer, count: int, ask: Callable[[int, int], Any]) -> tuple[list[float], float]:
    """Round trips of one service, one after each hundredth of the flood of another; and the one right after it."""
    submit = peer.submit_method("add")
    submitted: list[Any] = []
    taken = []
    for _ in range(CHUNKS):
        submitted += [submit(number, 1) for number in range(count // CHUNKS)]
        if submitted[-1] is None:
            raise Unsupported("its calls are no futures")
        start = time.perf_counter()
        value = ask(1, 2)
        taken.append(time.perf_counter() - start)
        check(value, 3)
    check(peer.collect(submitted), list(range(1, count // CHUNKS + 1)) * CHUNKS)
    submitted = [submit(number, 1) for number in range(count)]
    start = time.perf_counter()
    ask(1, 2)
    first = time.perf_counter() - start
    check(peer.collect(submitted), list(range(1, count + 1)))
    return taken, first
