"""Whole programs on Ray: the digits example, what ``flmctl`` sees of them, and what is left when they are killed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from waiting import until

from on_ray import programs

EXAMPLES = Path(__file__).parents[2] / "examples"

BUSY = """
import os, sys, time
import flamepy

class Counter:
    def __init__(self): self.n = 0
    def add(self, k): self.n += k; return os.getpid()

def hang(): time.sleep(1000)

if __name__ == "__main__":
    with flamepy.FlameRunner("busy") as runner:
        counter, hanging = runner.service(Counter), runner.service(hang, instances=1)
        call = hanging()
        print("ready", counter.add(1).get(90), flush=True)
        sys.stdin.read()
"""


@pytest.mark.slow
@pytest.mark.timeout(150)
def test_the_digits_example_with_another_flame_yaml(ray_address: str, tmp_path: Path):
    folder = programs.project(tmp_path / "digits")
    shutil.copy(EXAMPLES / "digits_search.py", folder)
    done = programs.run(folder, "digits_search.py", "--quick")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert float(lines[lines.index("") + 2].split()[0]) > 0.95


def flmctl(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "flamepy.cli.main", *words],
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ, "COLUMNS": "200"},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(150)
def test_flmctl_lists_what_runs_on_ray(ray_address: str, tmp_path: Path):
    with programs.started(programs.project(tmp_path / "busy", BUSY)) as program:
        programs.line_with("ready", program)
        sessions = flmctl("list", "-s")
        assert "Counter" in sessions or "counter" in sessions
        hanging = next(
            word for line in sessions.splitlines() if "hang" in line for word in line.split() if "hang" in word
        )
        until(lambda: "Running" in flmctl("list", "-t", "--in", hanging))
        executors = flmctl("list", "-e")
        assert "counter" in executors
        assert hanging in executors
        assert "Ready" in flmctl("list", "-n")


@pytest.mark.slow
@pytest.mark.timeout(150)
def test_nothing_goes_on_when_a_program_is_killed(ray_address: str, tmp_path: Path):
    with programs.started(programs.project(tmp_path / "busy", BUSY)) as program:
        line = programs.line_with("ready", program)
        program.kill()
    pid = int(line.split()[1])
    until(lambda: not Path(f"/proc/{pid}").exists(), 40)
