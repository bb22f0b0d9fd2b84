"""Measurements from outside of a process: whole programs, imports, idle memory."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
import time
from statistics import median
from typing import Any

from bench.environment import PROGRAMS, python
from bench.processes import family, memory

SECONDS = 60


class Failed(Exception):
    """A program did not do what it is for."""


def start(peer: str, env: dict[str, str]) -> dict[str, Any]:
    """Time a program from its start to its first result and to its end; bare Python and fork likewise."""
    with tempfile.TemporaryFile("w+") as printed:
        begin = time.perf_counter()
        process = subprocess.Popen(
            [python(), f"start_{peer}.py"],
            env=env,
            cwd=PROGRAMS,
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        # Not wait(SECONDS): on this side of a time limit Popen looks every 50 ms whether it has ended.
        limit = threading.Timer(SECONDS, process.kill)
        limit.start()
        try:
            process.wait()
        finally:
            end = time.perf_counter()
            limit.cancel()
            end_session(process)
        printed.seek(0)
        text = printed.read()
    stamps = [line for line in text.split() if line.replace(".", "", 1).isdigit() and "." in line]
    if process.returncode or not stamps:
        raise Failed(last_line(text) or f"it ended with {process.returncode} after {end - begin:.0f} s")
    first = float(stamps[0])
    figures = {"whole": end - begin, "first": first - begin, "exit": end - first}
    return {"figures": {f"start.{name}": 1e3 * value for name, value in figures.items()}, "reasons": {}}


def imports(_: str, env: dict[str, str]) -> dict[str, Any]:
    """Time ``import flamepy`` (and with its runner) over bare Python, in turn, and take the medians."""
    programs = {"bare": "pass", "import": "import flamepy", "runner": "from flamepy import FlameRunner"}
    taken: dict[str, list[float]] = {name: [] for name in programs}
    for _turn in range(5):
        for name, code in programs.items():
            taken[name].append(seconds_of(["-c", code], env))
    bare = median(taken.pop("bare"))
    figures = {name if name == "import" else f"import.{name}": 1e3 * (median(v) - bare) for name, v in taken.items()}
    return {"figures": figures, "reasons": {}}


def limits(env: dict[str, str]) -> dict[str, float]:
    """The start of Python with nothing to do."""
    return {"limit.python": 1e3 * median(seconds_of(["-c", "pass"], env) for _ in range(7))}


def seconds_of(arguments: list[str], env: dict[str, str]) -> float:
    """Run Python once."""
    begin = time.perf_counter()
    subprocess.run([python(), *arguments], env=env, cwd=PROGRAMS, check=True)
    return time.perf_counter() - begin


def idle(peer: str, env: dict[str, str]) -> dict[str, Any]:
    """The memory of a program that has its executors and does nothing, with and without numpy."""
    figures = {}
    for name, options in (("idle.plain", ["idle"]), ("idle.numpy", ["idle", "numpy"])):
        figures[name] = _idle_memory(peer, options, env) / 1e6
    return {"figures": figures, "reasons": {}}


def _idle_memory(peer: str, options: list[str], env: dict[str, str]) -> int:
    process = subprocess.Popen(
        [python(), f"start_{peer}.py", *options],
        env=env,
        cwd=PROGRAMS,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        for line in process.stdout:
            if line.strip() == "idle":
                time.sleep(1.0)
                return memory(family(process.pid))
        raise Failed("it ended before it was idle")
    finally:
        process.stdin.close()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            pass
        end_session(process)


def end_session(process: subprocess.Popen[Any]) -> None:
    """Kill what a process of ours has left in its session, and itself if it still runs."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def last_line(text: str) -> str:
    """The last line that a program printed; mostly its error."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""
