#!/usr/bin/env python3
"""Measure flamepy's engines beside hand-written Ray, in one run: ``python benchmarks/engines.py [ENDPOINT ...]``.

Without arguments ``local://`` and ``ray://``. Each engine and the hand-written program have their turn in every round;
the medians go to standard output, as a table for docs/how-to/engines.md, and to ``results/engines.json``. Two bars:
a service call over Ray takes at most 1.25 of a hand-written actor's, and pipelined functions run at least 3 times as
fast as ``ray.remote`` tasks.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).resolve().parent
ROUNDS = 3
TRIPS = 1000
CALLS = 5000
MIB = 1 << 20
HAND = "hand-written Ray"

TITLES = {
    "start": "First result of a new service, s",
    "trip": "Round trip of a service call, p50, µs",
    "service": "Pipelined calls of one service, /s",
    "functions": "Pipelined small functions, /s",
    "argument": "64 MiB argument, ms",
    "result": "64 MiB result, ms",
}


class Counter:
    """The service of all."""

    def add(self, first: int, second: int) -> int:
        """Add."""
        return first + second

    def size(self, data: Any) -> int:
        """Look at an argument."""
        return len(data)

    def make(self, size: int) -> bytearray:
        """Give a result."""
        return bytearray(size)


def add(first: int, second: int) -> int:
    """The function of all."""
    return first + second


class Contender:
    """One way to make these calls."""

    def __init__(self, ask: Callable[..., Any], collect: Callable[[list[Any]], Any], function: Callable[..., Any]):
        self.ask, self.collect, self.function = ask, collect, function

    def figures(self) -> Iterator[tuple[str, float]]:
        """All but the start."""
        yield "trip", 1e6 * median(taken(lambda: self.collect([self.ask("add", 1, 2)]), TRIPS))
        yield "service", rate(lambda n: self.collect([self.ask("add", k, 1) for k in range(n)]))
        self.collect([self.function(k, 1) for k in range(500)])
        yield "functions", rate(lambda n: self.collect([self.function(k, 1) for k in range(n)]))
        data = bytearray(64 * MIB)
        yield "argument", 1e3 * median(taken(lambda: self.collect([self.ask("size", data)]), 5))
        yield "result", 1e3 * median(taken(lambda: self.collect([self.ask("make", 64 * MIB)]), 5))


def taken(action: Callable[[], Any], times: int) -> list[float]:
    """Seconds of each."""
    found = []
    for _ in range(times):
        start = time.perf_counter()
        action()
        found.append(time.perf_counter() - start)
    return found


def rate(action: Callable[[int], Any]) -> float:
    """Calls in a second."""
    action(CALLS // 10)
    start = time.perf_counter()
    action(CALLS)
    return CALLS / (time.perf_counter() - start)


def flame(endpoint: str) -> Iterator[tuple[str, float]]:
    """One of our engines."""
    import flamepy

    with flamepy.FlameRunner("engines", context=flamepy.FlameContext(endpoint=endpoint), project=HERE) as runner:
        start = time.perf_counter()
        counter, function = runner.service(Counter), runner.service(add, instances=2)
        counter.add(1, 2).get()
        yield "start", time.perf_counter() - start
        yield from Contender(lambda name, *a: getattr(counter, name)(*a), flamepy.get, function).figures()


def by_hand() -> Iterator[tuple[str, float]]:
    """What a user of Ray would write."""
    import ray

    start = time.perf_counter()
    counter = ray.remote(num_cpus=0)(Counter).remote()
    ray.get(counter.add.remote(1, 2))
    yield "start", time.perf_counter() - start
    function = ray.remote(add)
    yield from Contender(lambda name, *a: getattr(counter, name).remote(*a), ray.get, function.remote).figures()
    ray.kill(counter)


def main() -> None:
    """Measure, and say what was found."""
    endpoints = sys.argv[1:] or ["local://", "ray://"]
    contenders: dict[str, Callable[[], Iterator[tuple[str, float]]]] = {}
    for endpoint in endpoints:
        contenders[endpoint] = lambda endpoint=endpoint: flame(endpoint)  # type: ignore[misc]
    if "ray://" in endpoints:
        contenders[HAND] = by_hand
    found: dict[str, dict[str, list[float]]] = {name: {} for name in contenders}
    order = sorted(contenders, key=lambda name: name == HAND)  # which uses the connection that ours has made
    for turn in range(ROUNDS):
        for name in order:
            for figure, value in contenders[name]():
                found[name].setdefault(figure, []).append(value)
        print(f"== round {turn + 1} of {ROUNDS}", flush=True)
    show(found)
    (HERE / "results" / "engines.json").write_text(json.dumps(found, indent=1) + "\n")


def show(found: dict[str, dict[str, list[float]]]) -> None:
    """Print the table, and the bars."""
    print("| |" + "|".join(f" {name} " for name in found) + "|\n| --- |" + " ---: |" * len(found))
    for figure, title in TITLES.items():
        values = [median(each[figure]) for each in found.values()]
        print(
            f"| {title} |" + "|".join(f" {value:,.3g} " if value < 100 else f" {value:,.0f} " for value in values) + "|"
        )
    if HAND in found:
        ours, hand = found["ray://"], found[HAND]
        print(
            f"service call: {median(ours['trip']) / median(hand['trip']):.2f} of a hand-written actor's (at most 1.25)"
        )
        times = median(ours["functions"]) / median(hand["functions"])
        print(f"pipelined functions: {times:.1f} times ray.remote tasks (at least 3)")


if __name__ == "__main__":
    main()
