"""What flamepy has to reach, as ratios of one run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.questions import KINDS
from bench.results import divided

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.results import Results

    Measure = Callable[[Results], float | None]


@dataclass(frozen=True)
class Bar:
    """One row.

    Attributes:
        question: In words.
        unit: What the numbers are of.
        bar: What has to be reached.
        stretch: What would be fine.
        measure: The number.
        most: Whether the bar is the most that is allowed, else the least.
    """

    question: str
    unit: str
    bar: float
    stretch: float | None
    measure: Measure
    most: bool = True

    def verdict(self, value: float | None) -> str:
        """Where a number stands."""
        if value is None:
            return "not measured"
        if self.stretch is not None and self._reaches(value, self.stretch):
            return "stretch"
        return "met" if self._reaches(value, self.bar) else "missed"

    def _reaches(self, value: float, bar: float) -> bool:
        return value <= bar if self.most else value >= bar


def of(other: str, group: str, question: str) -> Measure:
    """The ratio of flamepy to a peer."""
    return lambda results: results.ratio(group, question, "flamepy", other)


def plain(group: str, question: str) -> Measure:
    """Flamepy's own figure."""
    return lambda results: results.value(group, question, "flamepy")


def _least_of_kinds(results: Results) -> float | None:
    ratios = [results.ratio("calls", f"pipelined.{kind}", "flamepy", "loky") for kind in KINDS]
    known = [ratio for ratio in ratios if ratio is not None]
    return min(known) if known else None


def _of_own(group: str, question: str, other: str) -> Measure:
    """The ratio of two of flamepy's own figures."""
    return lambda results: divided(results.value(group, question, "flamepy"), results.value(group, other, "flamepy"))


def _growth(results: Results) -> float | None:
    """The cost of a task with the most outstanding that was measured, against a thousand."""
    for most in (1_000_000, 100_000):
        if found := _of_own("outstanding", f"outstanding.{most}", "outstanding.1000")(results):
            return found
    return None


def _condition(name: str, question: str, without: str = "flamepy") -> Measure:
    """How much worse flamepy is under a condition."""

    def measure(results: Results) -> float | None:
        ratio = results.ratio("conditions", question, name, without)
        return 1 / ratio if ratio and question == "pipelined" else ratio

    return measure


NOISE = 1.15
"""What counts as unchanged: the machine's own noise between two runs of the same."""

OWN_GATHER = _of_own("async", "async.own", "async.sync")
GATHER = _of_own("async", "async.gather", "async.sync")
FIRST = _of_own("fairness", "fairness.first", "fairness.alone")
FIRST_PACED = _of_own("fairness", "fairness.first", "fairness.paced")

BARS = (
    Bar("whole process: start, one result, exit", "of loky", 0.35, None, of("loky", "start", "start.whole")),
    Bar("the same, its stretch", "of ProcessPoolExecutor, fork", 1.0, None, of("fork", "start", "start.whole")),
    Bar("`import flamepy`, over bare Python", "ms", 40, 20, plain("import", "import")),
    Bar("round trip p50, idle machine", "of Pyro5", 0.35, 0.15, of("pyro", "calls", "roundtrip.p50")),
    Bar("the same, all cores busy", "of ProcessPoolExecutor", 1.0, 0.5, of("fork", "busy", "busy.p50")),
    Bar("pipelined calls of one service", "of loky", 40, 80, of("loky", "calls", "pipelined.service"), most=False),
    Bar("the same with tuple, list, dict, dataclass (slowest)", "of loky", 15, 30, _least_of_kinds, most=False),
    Bar("functions over two executors", "of loky", 20, 40, of("loky", "calls", "pipelined.functions"), most=False),
    Bar("gather of 10,000, FlameAsyncRunner", "of synchronous", 0.5, 1.0, OWN_GATHER, most=False),
    Bar("the same with asyncio's own gather", "of synchronous", 0.5, 1.0, GATHER, most=False),
    Bar("64 MiB argument, recycled", "memcpys", 2.0, 1.3, plain("arguments", "argument.64M.copies")),
    Bar("64 MiB argument, first touch", "of Ray", 1.0, 0.5, of("ray", "arguments", "argument.64M.first")),
    Bar("512 MiB argument, first touch", "of Ray", 1.0, 0.5, of("ray", "arguments", "argument.512M.first")),
    Bar("64 MiB result, first", "of Ray", 1.0, 0.5, of("ray", "results", "result.64M.first")),
    Bar("64 MiB result, later ones", "of Ray", 1.0, 0.5, of("ray", "results", "result.64M")),
    Bar("64 MiB by reference, above the work", "ms", 0.3, 0.1, plain("reference", "reference.64M")),
    Bar("idle engine, two executors, without numpy", "MB", 35, 20, plain("idle", "idle.plain")),
    Bar("10,000 sessions in the history: round trip", "of none", NOISE, None, _condition("history", "roundtrip.p50")),
    Bar("10,000 sessions in the history: pipelined", "of none", NOISE, None, _condition("history", "pipelined")),
    Bar("10,000 sessions in the history: whole process", "of none", NOISE, None, _condition("history", "start")),
    Bar("logs on: round trip", "of off", NOISE, None, _condition("flamepy", "roundtrip.p50", "quiet")),
    Bar("logs on: pipelined", "of off", NOISE, None, _condition("flamepy", "pipelined", "quiet")),
    Bar("100,000 ObjectExprs alive: round trip", "of none", NOISE, None, _condition("exprs", "roundtrip.p50")),
    Bar("100,000 ObjectExprs alive: pipelined", "of none", NOISE, None, _condition("exprs", "pipelined")),
    Bar("cost of a task, most outstanding", "of 1,000 outstanding", 1.25, None, _growth),
    Bar("memory of an outstanding task", "B", 1024, None, plain("held", "held.bytes")),
    Bar("round trip while another service is flooded", "of alone", 5, None, plain("fairness", "fairness.ratio")),
    Bar("the same", "of alone in the same rhythm", 5, None, plain("fairness", "fairness.paced.ratio")),
    Bar("the first one after all of the flood", "of alone", 5, None, FIRST),
    Bar("the same", "of alone in the same rhythm", 5, None, FIRST_PACED),
)  # fmt: skip
