#!/usr/bin/env python3
"""Measure flamepy beside its peers: ``python3 dev.py bench [--quick] [--only GROUP,...] [--peers NAME,...]``.

Peers are installed into ``benchmarks/.venv`` when this runs for the first time. A full run writes
``results/latest.json``, ``docs/benchmarks.md`` and its pictures; with ``--only`` the other groups keep their figures.
A quick run takes under two minutes, writes ``results/quick.json`` and leaves the page alone.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent))

from bench import environment, machine, peers
from bench.questions import GROUPS
from bench.report import page, table
from bench.results import LATEST, QUICK, Results
from bench.rounds import Rounds

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

QUICK_GROUPS = tuple(group for group in GROUPS if group not in ("executors", "conditions"))
QUICK_ROUNDS = {"start": 3, "calls": 2, "reference": 2}


def main() -> int:
    """Measure, and show what was found."""
    options = _options()
    if not options.page:
        environment.prepare()
        _measure(options)
    results = Results(QUICK if options.quick else LATEST)
    print(table.terminal(results))
    if not options.quick:
        page.write(results)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="dev.py bench", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--quick", action="store_true", help="under two minutes: fewer peers, groups, rounds, and sizes"
    )
    parser.add_argument("--only", type=_names(GROUPS), metavar="GROUP,...", help=", ".join(GROUPS))
    parser.add_argument("--peers", type=_names(peers.TITLES), metavar="NAME,...", help=", ".join(peers.TITLES))
    parser.add_argument("--rounds", type=int, help="how often each peer has its turn")
    parser.add_argument("--source", type=Path, help="measure the flamepy of another copy of this repository")
    parser.add_argument("--page", action="store_true", help="measure nothing; write the page anew")
    return parser.parse_args()


def _names(known: Collection[str]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        names = text.split(",")
        unknown = [name for name in names if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}")
        return names

    return parse


def _measure(options: argparse.Namespace) -> None:
    names = options.peers or (peers.QUICK if options.quick else tuple(peers.TITLES))
    groups = options.only or (QUICK_GROUPS if options.quick else GROUPS)
    results = Results(QUICK if options.quick else LATEST)
    if options.quick:
        results.data["groups"] = {}
    rounds = Rounds(quick=options.quick, source=options.source)
    try:
        results.data["machine"] = machine.describe(rounds.env)
        start = time.perf_counter()
        for group in groups:
            usual = QUICK_ROUNDS.get(group, 1) if options.quick else 5
            found = rounds.group(group, names, options.rounds or usual)
            results.add(group, found)
            print(f"== {group}: {found.seconds:g} s, load {found.load_before:.1f}", flush=True)
        print(f"== measured in {time.perf_counter() - start:.0f} s")
    finally:
        rounds.close()


if __name__ == "__main__":
    sys.exit(main())
