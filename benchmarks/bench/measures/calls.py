"""Small calls: one at a time, many at once, with arguments of several kinds, on a busy machine, on an event loop."""

from __future__ import annotations

import gc
import subprocess
import sys
import time
from contextlib import contextmanager
from os import cpu_count
from typing import TYPE_CHECKING, Any

import work
from records import Record

from bench.measures.notes import Notes, check, percentile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.peers.port import Peer

KINDS: dict[str, tuple[str, Callable[[int], Any]]] = {
    "tuple": ("first", lambda number: (number, "name", 2.5)),
    "list": ("first", lambda number: [number, "name", 2.5]),
    "dict": ("named", lambda number: {"number": number, "name": "name", "weight": 2.5}),
    "dataclass": ("field", lambda number: Record(number, "name", 2.5)),
}


def calls(peer: Peer, notes: Notes) -> None:
    """All that small calls are asked."""
    round_trip(peer, notes, "roundtrip")
    with notes.question("roundtrip.function"):
        ask = peer.ask_function(work.add)
        notes.record("roundtrip.function", 1e6 * percentile(notes.latencies(lambda: ask(1, 2)), 0.5))
    with notes.question("pipelined.service"):
        notes.record("pipelined.service", notes.rate(lambda count: pipelined(peer, count)))
    for kind, (method, make) in KINDS.items():
        with notes.question(f"pipelined.{kind}"):
            notes.record(f"pipelined.{kind}", notes.rate(_with_arguments(peer, method, make)))
    with notes.question("pipelined.functions"):
        notes.record("pipelined.functions", notes.rate(lambda count: pipelined_functions(peer, count)))
    with notes.question("map"):
        notes.record("map", notes.rate(lambda count: _map(peer, count)))
    _objects(peer, notes)


def round_trip(peer: Peer, notes: Notes, name: str) -> None:
    """p50 and p99 of `Counter.add`."""
    with notes.question(f"{name}.p50", f"{name}.p99"):
        ask = peer.ask_method("add")
        check(ask(1, 2), 3)
        taken = notes.latencies(lambda: ask(1, 2), most=5000)
        notes.record(f"{name}.p50", 1e6 * percentile(taken, 0.5))
        notes.record(f"{name}.p99", 1e6 * percentile(taken, 0.99))


def pipelined(peer: Peer, count: int, service: int = 0) -> float:
    """Seconds for submitting and collecting calls of one service."""
    submit = peer.submit_method("add", service)
    with no_garbage():
        start = time.perf_counter()
        values = peer.collect([submit(number, 1) for number in range(count)])
        seconds = time.perf_counter() - start
    check(values, list(range(1, count + 1)))
    return seconds


def pipelined_functions(peer: Peer, count: int) -> float:
    """Seconds for submitting and collecting calls of a function."""
    submit = peer.submit_function(work.add)
    with no_garbage():
        start = time.perf_counter()
        values = peer.collect([submit(number, 1) for number in range(count)])
        seconds = time.perf_counter() - start
    check(values, list(range(1, count + 1)))
    return seconds


def _with_arguments(peer: Peer, method: str, make: Callable[[int], Any]) -> Callable[[int], float]:
    def run(count: int) -> float:
        submit = peer.submit_method(method)
        arguments = [make(number) for number in range(count)]
        with no_garbage():
            start = time.perf_counter()
            values = peer.collect([submit(argument) for argument in arguments])
            seconds = time.perf_counter() - start
        check(values, list(range(count)))
        return seconds

    return run


def _map(peer: Peer, count: int) -> float:
    items = list(range(count))
    with no_garbage():
        start = time.perf_counter()
        values = peer.map(work.add, items)
        seconds = time.perf_counter() - start
    check(values, [2 * item for item in items])
    return seconds


def _objects(peer: Peer, notes: Notes) -> None:
    value = {"number": 1, "name": "x" * 100}
    with notes.question("put.small"):
        notes.record("put.small", 1e6 * percentile(notes.latencies(lambda: peer.put(value)), 0.5))
    with notes.question("get.small"):
        references = [peer.put(value) for _ in range(200)]
        start = time.perf_counter()
        values = [peer.fetch(reference) for reference in references]
        notes.record("get.small", 1e6 * (time.perf_counter() - start) / len(references))
        check(values, [value] * len(references))


def busy(peer: Peer, notes: Notes) -> None:
    """The round trip with a process per core that computes without end."""
    with notes.question("busy.p50", "busy.p99"):
        peer.ask_method("add")(1, 2)
        with burners():
            round_trip(peer, notes, "busy")


@contextmanager
def burners() -> Iterator[None]:
    """Keep every core busy meanwhile."""
    running = [subprocess.Popen([sys.executable, "-S", "-c", "while True: pass"]) for _ in range(cpu_count() or 1)]
    time.sleep(0.2)
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def gathered(peer: Peer, notes: Notes) -> None:
    """Many calls awaited together on an event loop, and the same without one."""
    for question, gather in (("async.gather", peer.gather), ("async.own", peer.own_gather)):
        with notes.question(question):
            rates = []
            for _ in range(notes.repeats):
                seconds, values = gather("add", MOST)
                check([int(value) for value in values], list(range(1, MOST + 1)))
                rates.append(MOST / seconds)
            notes.record(question, rates)
    if "async.gather" in notes.figures:
        with notes.question("async.sync"):
            notes.record("async.sync", notes.rate(lambda count: pipelined(peer, count)))


MOST = 10_000


@contextmanager
def no_garbage() -> Iterator[None]:
    """Collect garbage before, so that a peer does not pay for what another measurement left."""
    gc.collect()
    yield
