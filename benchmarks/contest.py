"""The same calls, whoever makes them: what `engines.py` and `remote.py` measure of each contender.

It is imported under PyPI's flamepy and on Ray's workers as well, and so imports nothing of ours.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TRIP_SECONDS = 1.0
MEASURED_SECONDS = 0.7
MIB = 1 << 20

TITLES = {
    "start": "First result of a new service, s",
    "trip": "Round trip of a service call, p50, µs",
    "service": "Pipelined calls of one service, /s",
    "functions": "Pipelined small functions, /s",
    "argument": "{size} MiB argument, ms",
    "result": "{size} MiB result, ms",
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
    """One way to make these calls.

    Args:
        ask: Calls a method of the service, by name.
        collect: Waits for the results of calls.
        function: Calls the function.
        size: MiB of large arguments and results.
        lay: What has to be done with a large argument first.
    """

    def __init__(
        self,
        ask: Callable[..., Any],
        collect: Callable[[list[Any]], Any],
        function: Callable[..., Any],
        size: int,
        lay: Callable[[Any], Any] = lambda data: data,
    ):
        self.ask, self.collect, self.function, self.lay = ask, collect, function, lay
        self.size = size * MIB

    def figures(self) -> Iterator[tuple[str, float]]:
        """All but the start."""
        trips = taken(lambda: self.collect([self.ask("add", 1, 2)]), TRIP_SECONDS)
        yield "trip", 1e6 * median(trips)
        yield "service", rate(lambda n: self.collect([self.ask("add", k, 1) for k in range(n)]))
        self.collect([self.function(k, 1) for k in range(20)])
        yield "functions", rate(lambda n: self.collect([self.function(k, 1) for k in range(n)]))
        data = bytearray(self.size)
        yield "argument", 1e3 * median(taken(lambda: self.collect([self.ask("size", self.lay(data))]), 0.0))
        yield "result", 1e3 * median(taken(lambda: self.collect([self.ask("make", self.size)]), 0.0))


def taken(action: Callable[[], Any], seconds: float) -> list[float]:
    """Seconds of each; at least five."""
    found: list[float] = []
    end = time.perf_counter() + seconds
    while len(found) < 5 or time.perf_counter() < end:
        start = time.perf_counter()
        action()
        found.append(time.perf_counter() - start)
    return found


def rate(action: Callable[[int], Any]) -> float:
    """Calls in a second, of as many as take long enough."""
    calls = 100
    while True:
        start = time.perf_counter()
        action(calls)
        seconds = time.perf_counter() - start
        if seconds > MEASURED_SECONDS:
            return calls / seconds
        calls = int(calls * min(8.0, 1.3 * MEASURED_SECONDS / seconds))


def by_hand_on_ray(size: int) -> Iterator[tuple[str, float]]:
    """What a user of Ray would write; Ray is connected to."""
    import ray
    from ray import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    start = time.perf_counter()
    counter = ray.remote(num_cpus=0)(Counter).remote()
    ray.get(counter.add.remote(1, 2))
    yield "start", time.perf_counter() - start
    function = ray.remote(add)
    yield from Contender(lambda name, *a: getattr(counter, name).remote(*a), ray.get, function.remote, size).figures()
    ray.kill(counter)


@contextmanager
def server(folder: Path) -> Iterator[tuple[str, str]]:
    """Start our server; yields where its sessions and objects are.

    Args:
        folder: For its data; its log goes beside it.
    """
    command = [sys.executable, "-m", "flamepy.cli.serving", "--endpoint", "http://127.0.0.1:0"]
    command += ["--cache", "grpc://127.0.0.1:0", "--data", str(folder), "--resources", "cpu=8,mem=16g", "--no-web"]
    with (folder.parent / "server.log").open("w") as log:
        process = subprocess.Popen(command, stderr=log)
        try:
            yield _addresses(process, Path(log.name))
        finally:
            process.terminate()
            process.wait(30)


def _addresses(process: subprocess.Popen[bytes], log: Path) -> tuple[str, str]:
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        match = re.search(r"sessions at (\S+), objects at (\S+)$", log.read_text(), re.MULTILINE)
        if match:
            return match[1], match[2]
        time.sleep(0.1)
    raise SystemExit(f"the server did not start:\n{log.read_text()}")


def show(found: dict[str, dict[str, list[float]]], size: int) -> None:
    """Print medians as a table."""
    print("| |" + "|".join(f" {name} " for name in found) + "|\n| --- |" + " ---: |" * len(found))
    for figure, title in TITLES.items():
        values = [median(each[figure]) for each in found.values()]
        cells = (f" {value:,.3g} " if value < 100 else f" {value:,.0f} " for value in values)
        print(f"| {title.format(size=size)} |" + "|".join(cells) + "|")
