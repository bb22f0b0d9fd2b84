"""Runs the measurement processes: a group at a time, the peers in turn, several rounds."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import machine, programs
from bench.environment import BENCH, ROOT, environment, python
from bench.questions import CONDITIONS, FLAMEPY_ONLY, NOT_ASKED, QUICK_FLAMEPY_ONLY, QUICK_NOT_ASKED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SESSIONS = 10_000

SLOW_STARTERS = {"ray", "dask", "ipyparallel", "parsl"}
"""Peers that have one turn in a quick run: each costs seconds."""


@dataclass
class Group:
    """What one group has given.

    Attributes:
        figures: Question -> peer -> one value per round.
        reasons: Question -> peer -> why there is none.
    """

    rounds: int
    load_before: float
    load_after: float = 0.0
    seconds: float = 0.0
    date: str = ""
    commit: str = ""
    figures: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    reasons: dict[str, dict[str, str]] = field(default_factory=dict)


class Rounds:
    """One run of the benchmarks.

    Args:
        quick: Whether to take less time.
        source: Another copy of the repository whose flamepy is measured; None for this one.
    """

    def __init__(self, *, quick: bool, source: Path | None = None) -> None:
        self.quick = quick
        self.folder = tempfile.TemporaryDirectory(prefix="flamepy-bench-")
        self.env = environment(Path(self.folder.name), source)
        self.commit = machine.commit(source or ROOT)
        self._history: Path | None = None

    def close(self) -> None:
        """Remove what the run has made."""
        self.folder.cleanup()

    def group(self, name: str, names: Sequence[str], rounds: int) -> Group:
        """Measure one group of questions with each peer in turn, several rounds."""
        found = Group(rounds, os.getloadavg()[0])
        start = time.perf_counter()
        failures: dict[str, int] = {}
        for turn in range(rounds):
            for peer in self._asked(name, names):
                once = self.quick and peer in SLOW_STARTERS
                if failures.get(peer, 0) < 2 and not (once and turn):
                    answer = self._one(name, peer)
                    if not answer["figures"]:
                        failures[peer] = failures.get(peer, 0) + 1
                    _add(found, peer, answer)
        found.seconds = round(time.perf_counter() - start, 1)
        found.load_after = os.getloadavg()[0]
        found.commit = self.commit
        found.date = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
        return found

    def _asked(self, group: str, names: Sequence[str]) -> list[str]:
        if group == "limits":
            return ["limit"]
        if group == "conditions":
            return list(CONDITIONS)
        if group in FLAMEPY_ONLY or (self.quick and group in QUICK_FLAMEPY_ONLY):
            return [name for name in names if name == "flamepy"]
        unasked = {"limit", *(QUICK_NOT_ASKED.get(group, ()) if self.quick else ())}
        return [name for name in names if name not in unasked and group not in NOT_ASKED.get(name, ())]

    def _one(self, group: str, peer: str) -> dict[str, Any]:
        special: dict[str, Callable[[str, dict[str, str]], dict[str, Any]]] = {
            "start": programs.start,
            "import": programs.imports,
            "idle": programs.idle,
        }
        env = self._environment(peer)
        try:
            if group in special:
                return special[group](peer, env)
            if group == "conditions":
                return self._under(peer, env)
            answer = self._child(group, peer, env)
        except programs.Failed as error:
            return {"figures": {}, "reasons": {"*": str(error)}}
        if group == "limits":
            answer["figures"].update(programs.limits(env))
        return answer

    def _under(self, condition: str, env: dict[str, str]) -> dict[str, Any]:
        """Measure flamepy under one of the conditions."""
        answer = self._child("exprs" if condition == "exprs" else "conditions", "flamepy", env)
        answer["figures"]["start"] = programs.start("flamepy", env)["figures"]["start.whole"]
        return answer

    def _environment(self, condition: str) -> dict[str, str]:
        env = dict(self.env)
        if condition == "quiet":
            env["BENCH_NO_LOGS"] = "1"
        if condition == "history":
            env["FLAMEPY_STATE_DIR"] = str(self._with_history())
        return env

    def _with_history(self) -> Path:
        """A state folder with a full history, made once."""
        if self._history is None:
            self._history = Path(self.folder.name, "history")
            self._history.mkdir(mode=0o700)
            code = f"from bench.measures.conditions import fill_history; fill_history({SESSIONS})"
            env = {**self.env, "FLAMEPY_STATE_DIR": str(self._history)}
            subprocess.run([python(), "-c", code], env=env, cwd=BENCH, check=True)
        return self._history

    def _child(self, group: str, peer: str, env: dict[str, str]) -> dict[str, Any]:
        output = Path(self.folder.name, "answer.json")
        output.unlink(missing_ok=True)
        command = [python(), "-m", "bench.child", group, peer, str(output), *(["--quick"] if self.quick else [])]
        run_alone(command, env, 40 if self.quick else 150, output)
        answer: dict[str, Any] = json.loads(output.read_text())
        return answer


def run_alone(command: list[str], env: dict[str, str], seconds: float, output: Path) -> None:
    """Run a command in a session of its own and leave nothing of it behind.

    Raises:
        programs.Failed: It did not end in time, or without writing ``output``.
    """
    with tempfile.TemporaryFile("w+") as printed:
        process = subprocess.Popen(
            command,
            env=env,
            cwd=BENCH,
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=printed,
            start_new_session=True,
        )
        try:
            process.wait(seconds)
            late = False
        except subprocess.TimeoutExpired:
            late = True
        finally:
            programs.end_session(process)
        if late:
            raise programs.Failed(f"it was not done after {seconds:g} s")
        if not output.exists():
            printed.seek(0)
            raise programs.Failed(programs.last_line(printed.read()) or f"it ended with {process.returncode}")


def _add(found: Group, peer: str, answer: dict[str, Any]) -> None:
    for question, value in answer["figures"].items():
        found.figures.setdefault(question, {}).setdefault(peer, []).append(value)
    for question, reason in answer["reasons"].items():
        found.reasons.setdefault(question, {})[peer] = reason
