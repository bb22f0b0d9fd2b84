"""flmctl and flmping as people run them, against a server in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

pytest.importorskip("grpc")

from servers import ServerProcess

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def run(server: ServerProcess) -> Run:
    """Run a program of ours; ``code`` is how it must end."""

    def start(program: str, *arguments: str, code: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
        names = {"FLAME_ENDPOINT": server.endpoint, "FLAME_CACHE_ENDPOINT": server.cache, "TZ": "UTC", **environment}
        module = {"flmctl": "flamepy.cli.main", "flmping": "flamepy.cli.pinging"}[program]
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            env={**os.environ, **names},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    return start


@pytest.fixture
def flmctl(run: Run) -> Run:
    return lambda *arguments, **more: run("flmctl", *arguments, **more)


@pytest.fixture
def flmping(run: Run) -> Run:
    return lambda *arguments, **more: run("flmping", *arguments, **more)
