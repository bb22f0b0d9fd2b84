"""What is asked: every figure's name, words, unit and which way is better."""

from __future__ import annotations

from dataclasses import dataclass

SIZES = (1, 64, 512)
KINDS = ("tuple", "list", "dict", "dataclass")
COUNTS = tuple(10**power for power in range(1, 7))
EXECUTORS = (1, 2, 4, 8, 16)


@dataclass(frozen=True)
class Question:
    """One figure of each peer.

    Attributes:
        name: In the JSON.
        group: Which process measures it.
        title: In tables and pictures.
        unit: ``ms``, ``µs``, ``/s``, ``MB``, ``B`` or nothing for a ratio.
        limits: Figures of the platform that are the floor of this one.
    """

    name: str
    group: str
    title: str
    unit: str
    limits: tuple[tuple[str, str], ...] = ()

    @property
    def more_is_better(self) -> bool:
        """Whether it is a rate."""
        return self.unit == "/s"


ECHO = (
    ("limit.socket.p50", "Unix socket with pickle, blocking"),
    ("limit.spinning.p50", "Unix socket with pickle, spinning"),
    ("limit.pipe.p50", "multiprocessing.Pipe"),
)


BARE = (("limit.python", "bare Python"), ("limit.fork", "fork"))
BUSY = (("limit.socket.busy.p50", "Unix socket with pickle, cores busy"),)
STATES = ((".first", "first of its size"), ("", "later ones"))


def _copies(size: int, fresh: bool) -> tuple[tuple[str, str], ...]:
    shared = (
        (f"limit.shared.{size}M.first", "into fresh shared memory")
        if fresh
        else (
            f"limit.shared.{size}M",
            "into used shared memory",
        )
    )
    return ((f"limit.memcpy.{size}M", "memcpy"), shared)


QUESTIONS = (
    Question("start.whole", "start", "Whole process: start, one result, exit", "ms", BARE),
    Question("start.first", "start", "Cold start to the first result", "ms", BARE),
    Question("start.exit", "start", "First result to exit", "ms"),
    Question("import", "import", "Import, over bare Python", "ms"),
    Question("roundtrip.p50", "calls", "Round trip of one service, p50", "µs", ECHO),
    Question("roundtrip.p99", "calls", "Round trip of one service, p99", "µs"),
    Question("roundtrip.function", "calls", "Round trip of a function, p50", "µs", ECHO),
    Question("busy.p50", "busy", "Round trip with all cores busy, p50", "µs", BUSY),
    Question("busy.p99", "busy", "Round trip with all cores busy, p99", "µs"),
    Question("pipelined.service", "calls", "Pipelined calls of one service", "/s"),
    *(Question(f"pipelined.{kind}", "calls", f"The same with a {kind} as argument", "/s") for kind in KINDS),
    Question("pipelined.functions", "calls", "Pipelined functions over two executors", "/s"),
    Question("map", "calls", "map, a task for each item", "/s"),
    Question("async.own", "async", "gather of 10,000 calls on an event loop", "/s"),
    Question("async.gather", "async", "The same with asyncio's own gather", "/s"),
    Question("async.sync", "async", "The same calls without an event loop", "/s"),
    *(
        Question(f"argument.{n}M{state}", "arguments", f"{n} MiB argument, {words}", "ms", _copies(n, bool(state)))
        for n in SIZES
        for state, words in STATES
    ),
    *(
        Question(f"result.{n}M{state}", "results", f"{n} MiB result, {words}", "ms", _copies(n, bool(state)))
        for n in SIZES
        for state, words in STATES
    ),
    Question("reference.64M", "reference", "64 MiB by reference, above the work itself", "ms"),
    Question("reference.64M.total", "reference", "64 MiB by reference, with the work", "ms"),
    Question("put.small", "calls", "put of a small object", "µs"),
    Question("get.small", "calls", "get of a small object", "µs"),
    Question("idle.plain", "idle", "Memory of an idle engine, two executors (PSS)", "MB"),
    Question("idle.numpy", "idle", "The same with numpy in the client", "MB"),
    *(Question(f"executors.{n}", "executors", f"Functions over {n} executors", "/s") for n in EXECUTORS),
    *(Question(f"executors.{n}.work", "executors", f"Functions of 1 ms over {n} executors", "/s") for n in EXECUTORS),
    *(Question(f"outstanding.{n}", "outstanding", f"Cost of a task, {n:,} outstanding", "µs") for n in COUNTS),
    Question("held.bytes", "held", "Memory of an outstanding task, all processes", "B"),
    Question("fairness.alone", "fairness", "Round trip of a service, alone", "µs"),
    Question("fairness.paced", "fairness", "The same after 1 ms of other work of the client", "µs"),
    Question("fairness.first", "fairness", "Its first one after 10^5 calls of another", "µs"),
    Question("fairness.flooded", "fairness", "Round trip amid a flood of another, p50", "µs"),
    Question("fairness.flooded.p99", "fairness", "Round trip amid a flood of another, p99", "µs"),
)  # fmt: skip

CONDITIONS = ("flamepy", "history", "exprs", "quiet")
"""What takes turns in the group ``conditions``: flamepy as it is, and under each condition."""

FLAMEPY_ONLY = {"import"}

QUICK_FLAMEPY_ONLY = {"async"}
QUICK_NOT_ASKED = {
    "busy": {"ray"},
    "idle": {"ray"},
    "outstanding": {"ray", "fork"},
    "held": {"ray", "fork"},
    "fairness": {"ray", "fork"},
}
"""What a quick run leaves out, by group."""

GROUPS = tuple(dict.fromkeys([*(question.group for question in QUESTIONS), "conditions", "limits"]))

NOT_ASKED = {
    "spawn": {"calls", "busy", "async", "arguments", "results", "executors", "outstanding", "held", "fairness"},
    "dask": {"executors", "outstanding", "held", "fairness", "async"},
    "ipyparallel": {"arguments", "results", "executors", "outstanding", "held", "fairness", "async"},
    "parsl": {"arguments", "results", "executors", "outstanding", "held", "fairness", "async"},
}
"""Groups that would take minutes and tell nothing new: spawn differs from fork in its start alone."""


def shown(value: float | None, unit: str) -> str:
    """Return a figure for people."""
    if value is None:
        return "-"
    digits = 0 if abs(value) >= 100 or unit in ("/s", "B") else 1 if abs(value) >= 10 else 2
    gap = "" if unit.startswith("/") or not unit else " "
    return f"{value:,.{digits}f}{gap}{unit}"
