"""The performance guard: counts of messages, syscalls, copies, allocations, modules - never times.

Each bound is what was counted when it was set, with slack; a change that needs more has to move the bound and say why.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

SCENARIOS = Path(__file__).with_name("scenarios.py")
MIB = 1 << 20

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="counts are read from /proc")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small project that holds the scenarios, with runtime folders of its own."""
    folder = tmp_path_factory.mktemp("counts")
    shutil.copy(SCENARIOS, folder)
    (folder / "pyproject.toml").write_text('[project]\nname = "counts"\nversion = "1"\n')
    return folder


def run(project: Path, *arguments: str, before: tuple[str, ...] = ()) -> str:
    env = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    # The environment's .pth files (coverage has one) would load modules that are not ours.
    command = [*before, sys.executable, "scenarios.py", *arguments]
    done = subprocess.run(command, cwd=project, env=env, capture_output=True, text=True, timeout=55, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.fixture(scope="module")
def scenario(project: Path) -> Any:
    """Runs a scenario once and returns what it counted."""

    @cache
    def counted(name: str) -> Any:
        return json.loads(run(project, name).splitlines()[-1])

    return counted


# ---- messages


def test_a_round_trip_is_one_message_each_way(scenario: Any):
    counted = scenario("messages")
    assert counted["trip_sent"] <= 1010
    assert counted["trip_received"] <= 1010


def test_a_small_call_is_a_few_bytes(scenario: Any):
    counted = scenario("messages")
    assert counted["trip_bytes_sent"] <= 64 * 1000
    assert counted["trip_bytes_received"] <= 32 * 1000


def test_pipelined_calls_travel_in_batches(scenario: Any):
    counted = scenario("messages")
    assert counted["pipelined_sent"] <= 10_000 / 50
    assert counted["pipelined_received"] <= 10_000 / 10
    assert counted["pipelined_bytes_sent"] <= 32 * 10_000


# ---- copies


def test_a_large_argument_is_written_once_and_its_segment_used_again(scenario: Any):
    counted = scenario("large")
    first, *later = counted["written"]
    assert first <= 64 * MIB + MIB
    assert max(later[1:]) <= MIB, "a used segment is copied into, not written anew"
    assert counted["sent"] <= 6 * 4096, "the bytes do not pass through the socket"
    assert counted["segments"] <= 2
    assert counted["shared"] <= 2 * 65 * MIB


# ---- allocations


def test_a_result_that_is_held_is_a_few_blocks(scenario: Any):
    assert scenario("blocks")["held"] <= 4


def test_what_is_dropped_is_gone(scenario: Any):
    counted = scenario("blocks")
    assert counted["dropped"] <= 0.1
    assert counted["later"] <= 0.1


def test_calls_leave_no_reference_cycles(scenario: Any):
    assert scenario("blocks")["cycles"] <= 0.01


def test_a_task_that_waits_takes_less_than_half_a_kibibyte(scenario: Any):
    assert scenario("waiting")["bytes"] <= 512


# ---- start

HEAVY = {
    "ast",
    "asyncio",
    "cloudpickle",
    "concurrent.futures",
    "dataclasses",
    "email",
    "fsspec",
    "grpc",
    "http",
    "inspect",
    "logging",
    "msgspec",
    "multiprocessing",
    "numpy",
    "pathspec",
    "platformdirs",
    "psutil",
    "queue",
    "rich",
    "sqlite3",
    "ssl",
    "subprocess",
    "tarfile",
    "typer",
    "urllib.request",
    "uuid",
    "yaml",
    "zipfile",
}
"""Modules that a program with one service has no use for; each costs milliseconds at every start."""


def test_a_start_loads_nothing_heavy(scenario: Any):
    assert HEAVY.intersection(scenario("start")["client"]["modules"]) == set()
    assert HEAVY.intersection(scenario("start")["executor"]["modules"]) == set()


def test_a_start_loads_few_modules(scenario: Any):
    counted = scenario("start")
    assert len(_ours_and_theirs(counted["client"]["modules"])) <= CLIENT_MODULES
    assert len(_ours_and_theirs(counted["executor"]["modules"])) <= EXECUTOR_MODULES


CLIENT_MODULES, EXECUTOR_MODULES = 180, 82


def _ours_and_theirs(modules: list[str]) -> list[str]:
    """Without what this environment's own .pth files load."""
    return [name for name in modules if name.partition(".")[0] not in {"coverage", "a1_coverage", "_virtualenv"}]


def test_a_program_has_one_more_thread_and_an_executor_none(scenario: Any):
    counted = scenario("start")
    assert counted["client"]["threads"] <= 2
    assert counted["executor"]["threads"] <= 1


def test_an_engine_has_few_descriptors(scenario: Any):
    counted = scenario("start")
    assert counted["client"]["descriptors"] <= 30
    assert counted["executor"]["descriptors"] <= 12


def test_calls_leave_no_threads_and_no_descriptors(scenario: Any):
    counted = scenario("start")
    for place in ("client", "executor"):
        after = counted["later" if place == "client" else "executor_later"]
        # The first batch may start a thread that sends answers of long batches early.
        assert after["threads"] <= counted[place]["threads"] + 1
        assert after["descriptors"] <= counted[place]["descriptors"] + 1


# ---- syscalls, where strace is


@pytest.fixture(scope="module")
def syscalls(project: Path) -> Any:
    """Counts successful system calls of a scenario, in all its processes."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed; messages are counted all the same")
    if subprocess.run([strace, "-f", "-c", "-o", os.devnull, "true"], check=False, capture_output=True).returncode:
        pytest.skip("strace may not trace here; messages are counted all the same")

    def count(name: str, number: int) -> dict[str, int]:
        summary = project / "strace.txt"
        run(project, name, str(number), before=(strace, "-f", "-c", "-o", str(summary)))
        found: dict[str, int] = {}
        for line in summary.read_text().splitlines():
            row = re.fullmatch(r"\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(\d+)?\s*(\w+)", line)
            if row and row[3] != "total":
                found[row[3]] = int(row[1]) - int(row[2] or 0)  # polls that found nothing are no work
        return found

    return count


def test_syscalls_of_a_round_trip(syscalls: Any):
    few, many = syscalls("trips", 100), syscalls("trips", 1100)
    per_trip = {name: (many[name] - few.get(name, 0)) / 1000 for name in many}
    assert sum(per_trip.values()) <= 12, per_trip


def test_syscalls_of_pipelined_calls(syscalls: Any):
    few, many = syscalls("pipelined", 1000), syscalls("pipelined", 11_000)
    per_call = {name: (many[name] - few.get(name, 0)) / 10_000 for name in many}
    assert sum(per_call.values()) <= 0.5, per_call
