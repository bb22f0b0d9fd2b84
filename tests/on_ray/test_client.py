"""``ray://host:port``: a Ray client, to nodes that it can reach and to nodes that it cannot.

All conformance tests run over it with ``FLAMEPY_TEST_ENGINE=ray-client`` and ``ray-relay``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from on_ray import programs

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = """
import os, sys, time
import flamepy

class Counter:
    def __init__(self): self.n = 0
    def add(self, k): self.n += k; return self.n
    def items(self, k): yield from range(k)

def size(data): return len(data)
def blob(n): return bytearray(n)
def die(): print("last words", file=sys.stderr, flush=True); os._exit(7)
def hang(): time.sleep(1000)
def twice(service, x): return service(service(x)).get(60)
def add(a, b=1): return a + b

if __name__ == "__main__":
    with flamepy.FlameRunner("distant") as runner:
        counter, adding = runner.service(Counter), runner.service(add)
        assert flamepy.get([counter.add(1) for _ in range(500)], timeout=90) == list(range(1, 501))
        assert list(counter.items(100)) == list(range(100))
        measure, make = runner.service(size), runner.service(blob)
        stored = runner.put(bytes(3 << 20))
        assert flamepy.get([measure(stored), measure(make(1 << 20))], timeout=90) == [3 << 20, 1 << 20]
        assert len(make(1 << 20).get(60)) == 1 << 20
        assert runner.service(twice)(adding, 1).get(60) == 3
        error = runner.service(die)().exception(90)
        assert error.exitcode == 7 and "last words" in error.stderr, error
        assert isinstance(runner.service(hang, timeout=0.5)().exception(90), flamepy.TaskTimeout)
    print("all is well")
"""


@pytest.fixture
def port(ray_address: str) -> Iterator[str]:
    """Of a Ray client server."""
    server = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("client_server.py")],
        env={**os.environ, "RAY_ADDRESS": ray_address},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert server.stdin is not None
    assert server.stdout is not None
    with server:
        yield server.stdout.readline().strip()
        server.stdin.close()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("relay", ["0", "1"], ids=["direct", "relay"])
def test_a_program_over_a_ray_client(port: str, tmp_path: Path, relay: str):
    folder = programs.project(tmp_path / "distant", PROGRAM, endpoint=f"ray://127.0.0.1:{port}")
    done = programs.run(folder, env={"FLAMEPY_RAY_RELAY": relay})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all is well" in done.stdout
