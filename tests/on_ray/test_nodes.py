"""Nodes: where executors are placed, and what becomes of calls whose node is lost."""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

import flamepy
from on_ray.conftest import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

sys.path.insert(0, str(PROJECT / "src"))

PATIENCE = 50


@contextmanager
def a_node(address: str, *, env_vars: dict[str, str] | None = None, **resources: float) -> Iterator[object]:
    """One more node of the cluster."""
    from ray._private.node import Node
    from ray._private.parameter import RayParams

    parameters = RayParams(
        gcs_address=address, num_cpus=2, resources=resources, object_store_memory=100 << 20, env_vars=env_vars
    )
    node = Node(parameters, head=False, shutdown_at_exit=False, spawn_reaper=False)
    try:
        yield node
    finally:
        lose(node)


def lose(node) -> None:
    node.kill_all_processes(check_alive=False, allow_graceful=False)


def until(condition) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.05)


def task(folder: str, value: int) -> int:
    """Hangs the first time."""
    marks = os.listdir(folder)
    open(f"{folder}/{len(marks)}", "x").close()
    if not marks:
        time.sleep(1000)
    return value + 1


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_call_whose_node_is_lost_runs_again_elsewhere(runner, ray_address: str, tmp_path: Path):
    marks = tmp_path / "marks"
    marks.mkdir()
    with a_node(ray_address, doomed=1) as first:
        until(lambda: runner._engine.carrier.resources.custom.get("doomed"))
        service = runner.service(task, instances=1, resources={"doomed": 0.5})
        hanging, waiting = service(str(marks), 1), service(str(marks), 2)
        until(lambda: os.listdir(marks))
        with a_node(ray_address, doomed=1):
            lose(first)
            assert flamepy.get([hanging, waiting], timeout=100) == [2, 3]
    assert len(os.listdir(marks)) == 3


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_an_instance_whose_node_is_lost_says_so(runner, ray_address: str):
    from workshop import classes

    with a_node(ray_address, brittle=1) as node:
        until(lambda: runner._engine.carrier.resources.custom.get("brittle"))
        counter = runner.service(classes.Counter, resources={"brittle": 0.5})
        counter.add(1).get(PATIENCE)
        lose(node)
        errors: list[BaseException] = []
        while not errors:  # its process notices a moment later than we do
            errors += [error for error in [counter.add(1).exception(100)] if error is not None]
        with pytest.raises(flamepy.StateLost):
            counter.add(1).get(PATIENCE)
    assert isinstance(errors[0], flamepy.ExecutorDied)
    assert "lost with its node" in str(errors[0])


def test_what_no_node_has_is_said_at_once(runner):
    with pytest.raises(flamepy.ResourcesUnavailable, match="unobtainium"):
        runner.service(task, resources={"unobtainium": 1})


def test_gpus_are_seen_by_tasks(runner):
    if not runner._engine.carrier.resources.gpu:
        pytest.skip("this cluster has no GPU")
    service = runner.service(lambda: os.environ.get("CUDA_VISIBLE_DEVICES"), resources={"gpu": 1})
    assert service().get(PATIENCE)
