#!/usr/bin/env python3
"""Measure remote use, side by side in one run: ``python benchmarks/remote.py``.

One single-node server of ours serves three clients: flamepy over its own stream, flamepy over plain ``flame.v1``, and
PyPI's flamepy 0.6.0, in an environment of its own (``FLAMEPY_UPSTREAM_PYTHON`` names its interpreter, else uv makes
one). The fourth is Ray Client, ``ray://`` to a Ray head on this machine. Each has its turn in every round, in a process
of its own; the medians go to standard output, as a table for docs/how-to/engines.md, and to ``results/remote.json``.

The bars: over plain ``flame.v1`` at least 5 times the pipelined service calls of PyPI's flamepy and a round trip of at
most a third; over the stream at least 50 times those calls, and at least 10 times Ray Client's.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).resolve().parent
UPSTREAM = "flamepy==0.6.0"
ROUNDS = 3
TRIES = 4
TRIP_SECONDS = 1.0
MEASURED_SECONDS = 0.7
MIB = 1 << 20
LARGE = 16 * MIB

STREAM, PLAIN, PYPI, RAY = "flamepy, its stream", "flamepy, plain flame.v1", "PyPI flamepy 0.6.0", "Ray Client"

TITLES = {
    "start": "First result of a new service, s",
    "trip": "Round trip of a service call, p50, µs",
    "service": "Pipelined calls of one service, /s",
    "functions": "Pipelined small functions, /s",
    "argument": "16 MiB argument, ms",
    "result": "16 MiB result, ms",
}


# --- what a client does, in a process of its own -----------------------------------------------------------------


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

    def __init__(
        self,
        ask: Callable[..., Any],
        collect: Callable[[list[Any]], Any],
        function: Callable[..., Any],
        lay: Callable[[Any], Any] = lambda data: data,  # what has to be done with a large argument first
    ):
        self.ask, self.collect, self.function, self.lay = ask, collect, function, lay

    def figures(self) -> Iterator[tuple[str, float]]:
        """All but the start."""
        trips = taken(lambda: self.collect([self.ask("add", 1, 2)]), TRIP_SECONDS)
        yield "trip", 1e6 * median(trips)
        yield "service", rate(lambda n: self.collect([self.ask("add", k, 1) for k in range(n)]))
        self.collect([self.function(k, 1) for k in range(20)])
        yield "functions", rate(lambda n: self.collect([self.function(k, 1) for k in range(n)]))
        data = bytearray(LARGE)
        yield "argument", 1e3 * median(taken(lambda: self.collect([self.ask("size", self.lay(data))]), 0.0))
        yield "result", 1e3 * median(taken(lambda: self.collect([self.ask("make", LARGE)]), 0.0))


def taken(action: Callable[[], Any], seconds: float) -> list[float]:
    """Seconds of each; at least three."""
    found: list[float] = []
    end = time.perf_counter() + seconds
    while len(found) < 3 or time.perf_counter() < end:
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


def ours(endpoint: str, cache: str) -> Iterator[tuple[str, float]]:
    """Our flamepy; the environment says whether it may use the stream."""
    import flamepy

    context = flamepy.FlameContext(endpoint=endpoint, cache=cache, environment="current")
    with flamepy.FlameRunner("remote", context=context, project=Path.cwd()) as runner:
        start = time.perf_counter()
        counter, function = runner.service(Counter), runner.service(add, instances=2)
        counter.add(1, 2).get()
        yield "start", time.perf_counter() - start
        yield from Contender(lambda name, *a: getattr(counter, name)(*a), flamepy.get, function).figures()


def upstream() -> Iterator[tuple[str, float]]:
    """PyPI's flamepy; the environment says where the server is."""
    from flamepy.runner import Runner

    with Runner("remote") as runner:
        start = time.perf_counter()
        counter, function = runner.service(Counter(), autoscale=False), runner.service(add, autoscale=False, warmup=2)
        counter.add(1, 2).get()
        yield "start", time.perf_counter() - start
        ask = lambda name, *a: getattr(counter, name)(*a)  # noqa: E731
        yield from Contender(ask, runner.get, function, runner.put_object).figures()


def ray_client(address: str) -> Iterator[tuple[str, float]]:
    """What a user of Ray would write."""
    import ray

    ray.init(address, log_to_driver=False, logging_level="error")
    start = time.perf_counter()
    counter = ray.remote(num_cpus=0)(Counter).remote()
    ray.get(counter.add.remote(1, 2))
    yield "start", time.perf_counter() - start
    function = ray.remote(add)
    yield from Contender(lambda name, *a: getattr(counter, name).remote(*a), ray.get, function.remote).figures()
    ray.shutdown()


def ray_head(port: str) -> None:
    """A Ray of one node, for as long as standard input is open; it may take its time on a busy machine."""
    os.environ.setdefault("RAY_raylet_start_wait_time_s", "120")
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 2, "include_dashboard": False, "ray_client_server_port": int(port)}
    cluster = Cluster(initialize_head=True, head_node_args=node)
    print(cluster.address, flush=True)
    sys.stdin.read()
    cluster.shutdown()


CLIENTS = {each.__name__: each for each in (ours, upstream, ray_client)}


# --- the run -----------------------------------------------------------------------------------------------------


def measured(python: str, folder: Path, *arguments: str, **variables: str) -> dict[str, float]:
    """Run one of the clients; returns its figures."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("FLAME", "RAY_"))}
    env |= {"HOME": str(folder), "GRPC_VERBOSITY": "ERROR", **variables}
    if arguments[0] == "upstream":
        env.pop("PYTHONPATH", None)
    command = [python, "remote.py", *arguments]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def patiently(turn: Callable[[], dict[str, float]]) -> dict[str, float]:
    """Try again where it failed: on a busy machine the server that Ray starts for each of its clients often does."""
    for _ in range(TRIES - 1):
        try:
            return turn()
        except SystemExit as error:
            print(f"== tried again: {str(error).strip().splitlines()[-1]}", file=sys.stderr, flush=True)
    return turn()


@contextmanager
def server(folder: Path) -> Iterator[tuple[str, str]]:
    """Start our server; yields where its sessions and objects are."""
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


@contextmanager
def ray(folder: Path) -> Iterator[str]:
    """Start a Ray head; yields its address for Ray Client."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command = [sys.executable, "remote.py", "ray_head", port]
    with (folder / "ray.log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            if not process.stdout.readline():
                raise SystemExit("Ray did not start:\n" + Path(log.name).read_text())
            yield f"ray://127.0.0.1:{port}"
        finally:
            process.stdin.close()
            process.wait(60)


def upstream_python(folder: Path) -> str:
    """The interpreter that has PyPI's flamepy."""
    given = os.environ.get("FLAMEPY_UPSTREAM_PYTHON")
    if given:
        return given
    uv = shutil.which("uv")
    if uv is None:
        raise SystemExit("uv is not installed: install it, or name an interpreter with FLAMEPY_UPSTREAM_PYTHON")
    env = {name: value for name, value in os.environ.items() if not name.startswith(("VIRTUAL_ENV", "PYTHON"))}
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, folder], check=True, env=env)
    python = folder / "bin" / "python"
    subprocess.run([uv, "pip", "install", "-q", "--python", python, UPSTREAM, "numpy", "pandas"], check=True, env=env)
    return str(python)


def main() -> None:
    """Measure, and say what was found."""
    wanted = sys.argv[1:] or [STREAM, PLAIN, PYPI, RAY]
    found: dict[str, dict[str, list[float]]] = {name: {} for name in wanted}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="flamepy-remote-")))
        project = folder / "project"
        project.mkdir()
        shutil.copy(__file__, project / "remote.py")
        (project / "pyproject.toml").write_text('[project]\nname = "remote"\nversion = "1"\n')
        python = upstream_python(folder / "upstream") if PYPI in wanted else ""
        endpoint, cache = stack.enter_context(server(folder / "data"))
        head = stack.enter_context(ray(project)) if RAY in wanted else ""
        where = {"FLAME_ENDPOINT": endpoint, "FLAME_CACHE_ENDPOINT": cache}
        turns: dict[str, Callable[[], dict[str, float]]] = {
            STREAM: lambda: measured(sys.executable, project, "ours", endpoint, cache),
            PLAIN: lambda: measured(sys.executable, project, "ours", endpoint, cache, FLAMEPY_FLAME_LINKS="0"),
            PYPI: lambda: measured(python, project, "upstream", **where),
            RAY: lambda: measured(sys.executable, project, "ray_client", head),
        }
        for turn in range(ROUNDS):
            for name in wanted if turn % 2 else reversed(wanted):
                for figure, value in patiently(turns[name]).items():
                    found[name].setdefault(figure, []).append(value)
            print(f"== round {turn + 1} of {ROUNDS}", flush=True)
    (HERE / "results" / "remote.json").write_text(json.dumps(found, indent=1) + "\n")
    show(found)


def show(found: dict[str, dict[str, list[float]]]) -> None:
    """Print the table, and the bars."""
    middle = {name: {figure: median(values) for figure, values in each.items()} for name, each in found.items()}
    print("| |" + "|".join(f" {name} " for name in found) + "|\n| --- |" + " ---: |" * len(found))
    for figure, title in TITLES.items():
        values = [each[figure] for each in middle.values()]
        print(
            f"| {title} |" + "|".join(f" {value:,.3g} " if value < 100 else f" {value:,.0f} " for value in values) + "|"
        )
    for name, other, figure, least in (
        (PLAIN, PYPI, "service", 5),
        (PLAIN, PYPI, "trip", 3),
        (STREAM, PYPI, "service", 50),
        (STREAM, RAY, "service", 10),
    ):
        if name in middle and other in middle:
            mine, theirs = middle[name][figure], middle[other][figure]
            times = theirs / mine if figure == "trip" else mine / theirs
            print(f"{TITLES[figure].partition(',')[0]}: {name} {times:.1f} times {other} (at least {least})")


if __name__ == "__main__":
    if sys.argv[1:] and sys.argv[1] in CLIENTS:
        print(json.dumps(dict(CLIENTS[sys.argv[1]](*sys.argv[2:]))))
    elif sys.argv[1:2] == ["ray_head"]:
        ray_head(sys.argv[2])
    else:
        main()
