"""What is said when there is no Ray, another Ray, or none any more."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from on_ray import cluster, programs

if TYPE_CHECKING:
    from pathlib import Path

ENTER = """
import sys
{before}
import flamepy

if __name__ == "__main__":
    try:
        with flamepy.FlameRunner("entering"):
            print("entered")
    except flamepy.EngineUnavailable as error:
        print(error)
"""

WAIT = """
import time
import flamepy

def hang(): time.sleep(1000)

if __name__ == "__main__":
    with flamepy.FlameRunner("waiting") as runner:
        service = runner.service(hang, instances=1)
        running, waiting = service(), service()
        flamepy.wait([running], timeout=5)
        while not runner.service(len)([1]).get(60): pass
        print("ready", flush=True)
        for call in (running, waiting):
            print(" ".join(str(call.exception(60)).split()), flush=True)
        print("told", flush=True)
    print("left", flush=True)
"""


def test_without_ray_the_command_that_installs_it_is_named(tmp_path: Path):
    program = ENTER.format(before="sys.modules['ray'] = None")
    done = programs.run(programs.project(tmp_path / "program", program))
    assert 'pip install "flamepy[ray]"' in done.stdout, done.stdout + done.stderr


@pytest.mark.timeout(100)
def test_another_version_is_said_in_one_line(ray_address: str, tmp_path: Path):
    program = ENTER.format(before="import ray; ray.__version__ = '2.1.0'")
    done = programs.run(programs.project(tmp_path / "program", program))
    lines = done.stdout.splitlines()
    assert len(lines) == 1, done.stdout + done.stderr
    assert "Version mismatch" in lines[0]
    assert "2.1.0" in lines[0]


@pytest.mark.timeout(100)
def test_nobody_at_the_address_is_said_in_one_line(tmp_path: Path):
    program = ENTER.format(before="")
    done = programs.run(programs.project(tmp_path / "program", program), env={"RAY_ADDRESS": "127.0.0.1:1"})
    lines = done.stdout.splitlines()
    assert len(lines) == 1, done.stdout + done.stderr
    assert "127.0.0.1:1" in lines[0]


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_cluster_that_is_lost_is_said_soon(tmp_path: Path):
    with cluster.running("--alone") as head, programs.started(programs.project(tmp_path / "p", WAIT)) as program:
        assert head.stdin is not None
        programs.line_with("ready", program)
        head.stdin.write("lose\n")
        head.stdin.flush()
        start = time.monotonic()
        programs.line_with("does not answer any more", program)
        assert time.monotonic() - start < 40
        programs.line_with("does not answer any more", program)
        programs.line_with("told", program)
        programs.line_with("left", program)
