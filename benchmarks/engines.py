#!/usr/bin/env python3
"""Measure flamepy's engines beside hand-written Ray, in one run: ``python benchmarks/engines.py``.

The embedded engine, a Flame server of ours on this machine, Ray on this machine, and Ray by hand have their turn in
every round; the medians go to standard output, as a table for docs/how-to/engines.md, and to ``results/engines.json``.
Two bars: a service call over Ray takes at most 1.25 of a hand-written actor's, and pipelined functions run at least 3
times as fast as ``ray.remote`` tasks.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import contest
from contest import Contender, Counter, add

import flamepy
from flamepy import FlameContext

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).resolve().parent
ROUNDS = 3
SIZE = 64
EMBEDDED, FLAME, RAY, HAND = "embedded", "Flame, our server", "Ray", "hand-written Ray"


def ours(context: FlameContext) -> Iterator[tuple[str, float]]:
    """One of our engines."""
    with flamepy.FlameRunner("engines", context=context, project=HERE) as runner:
        start = time.perf_counter()
        counter, function = runner.service(Counter), runner.service(add, instances=2)
        counter.add(1, 2).get()
        yield "start", time.perf_counter() - start
        yield from Contender(lambda name, *a: getattr(counter, name)(*a), flamepy.get, function, SIZE).figures()


def main() -> None:
    """Measure, and say what was found."""
    found: dict[str, dict[str, list[float]]] = {name: {} for name in (EMBEDDED, FLAME, RAY, HAND)}
    with (
        tempfile.TemporaryDirectory(prefix="flamepy-engines-") as folder,
        contest.server(Path(folder) / "data") as (endpoint, cache),
    ):
        contenders = {
            EMBEDDED: lambda: ours(FlameContext(endpoint="local://")),
            FLAME: lambda: ours(FlameContext(endpoint=endpoint, cache=cache, environment="current")),
            RAY: lambda: ours(FlameContext(endpoint="ray://")),
            HAND: lambda: contest.by_hand_on_ray(SIZE),  # over the connection that ours has made
        }
        for turn in range(ROUNDS):
            for name, figures in contenders.items():
                for figure, value in figures():
                    found[name].setdefault(figure, []).append(value)
            print(f"== round {turn + 1} of {ROUNDS}", flush=True)
    contest.show(found, SIZE)
    trip, functions = (median(found[RAY][name]) / median(found[HAND][name]) for name in ("trip", "functions"))
    print(f"service call: {trip:.2f} of a hand-written actor's (at most 1.25)")
    print(f"pipelined functions: {functions:.1f} times ray.remote tasks (at least 3)")
    (HERE / "results" / "engines.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
