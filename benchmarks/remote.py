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
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import contest
from contest import Contender, Counter, add

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).resolve().parent
UPSTREAM = "flamepy==0.6.0"
ROUNDS = 3
TRIES = 4
SIZE = 16

PROJECT = """
[project]
name = "remote"
version = "1"

[tool.setuptools]
py-modules = ["contest", "remote"]
"""

STREAM, PLAIN, PYPI, RAY = "flamepy, its stream", "flamepy, plain flame.v1", "PyPI flamepy 0.6.0", "Ray Client"

# --- what a client does, in a process of its own -----------------------------------------------------------------


def ours(endpoint: str, cache: str) -> Iterator[tuple[str, float]]:
    """Our flamepy; the environment says whether it may use the stream."""
    import flamepy

    context = flamepy.FlameContext(endpoint=endpoint, cache=cache, environment="current")
    with flamepy.FlameRunner("remote", context=context, project=Path.cwd()) as runner:
        start = time.perf_counter()
        counter, function = runner.service(Counter), runner.service(add, instances=2)
        counter.add(1, 2).get()
        yield "start", time.perf_counter() - start
        yield from Contender(lambda name, *a: getattr(counter, name)(*a), flamepy.get, function, SIZE).figures()


def upstream() -> Iterator[tuple[str, float]]:
    """PyPI's flamepy; the environment says where the server is."""
    from flamepy.runner import Runner

    with Runner("remote") as runner:
        start = time.perf_counter()
        counter, function = runner.service(Counter(), autoscale=False), runner.service(add, autoscale=False, warmup=2)
        counter.add(1, 2).get()
        yield "start", time.perf_counter() - start
        ask = lambda name, *a: getattr(counter, name)(*a)  # noqa: E731
        yield from Contender(ask, runner.get, function, SIZE, runner.put_object).figures()


def ray_client(address: str) -> Iterator[tuple[str, float]]:
    """What a user of Ray would write."""
    import ray

    ray.init(address, log_to_driver=False, logging_level="error")
    yield from contest.by_hand_on_ray(SIZE)
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
        for name in ("remote.py", "contest.py"):
            shutil.copy(HERE / name, project)
        (project / "pyproject.toml").write_text(PROJECT)
        python = upstream_python(folder / "upstream") if PYPI in wanted else ""
        endpoint, cache = stack.enter_context(contest.server(folder / "data"))
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
    contest.show(found, SIZE)
    for name, other, figure, least in (
        (PLAIN, PYPI, "service", 5),
        (PLAIN, PYPI, "trip", 3),
        (STREAM, PYPI, "service", 50),
        (STREAM, RAY, "service", 10),
    ):
        if name in found and other in found:
            mine, theirs = median(found[name][figure]), median(found[other][figure])
            times = theirs / mine if figure == "trip" else mine / theirs
            print(f"{contest.TITLES[figure].partition(',')[0]}: {name} {times:.1f} times {other} (at least {least})")


if __name__ == "__main__":
    if sys.argv[1:] and sys.argv[1] in CLIENTS:
        print(json.dumps(dict(CLIENTS[sys.argv[1]](*sys.argv[2:]))))
    elif sys.argv[1:2] == ["ray_head"]:
        ray_head(sys.argv[2])
    else:
        main()
