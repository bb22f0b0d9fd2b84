"""Programs written for upstream's flamepy, run with PyPI's flamepy 0.6.0 and with ours: both must do the same.

Upstream's has our import name, so that it gets an environment of its own, made once a session.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from servers import ServerProcess

UPSTREAM = "flamepy==0.6.0"
ALSO = ("numpy", "pandas")
PROGRAMS = Path(__file__).parent / "programs"
SOURCE = Path(__file__).parents[2] / "src"
KEEP = ("PATH", "LANG", "TMPDIR", "UV_", "SSL_", "COVERAGE_", "COV_", "XDG_")


class Interpreter:
    """A Python with one of the two flamepys.

    Args:
        name: ``ours`` or ``upstream``.
        python: Its executable.
        folder: Where programs run, and their home.
    """

    def __init__(self, name: str, python: Path, folder: Path) -> None:
        self.name = name
        self.python = python
        self.folder = folder

    @property
    def variables(self) -> dict[str, str]:
        """What its programs need in their environment."""
        env = {name: value for name, value in os.environ.items() if name.startswith(KEEP)}
        env |= {"HOME": str(self.folder), "GRPC_VERBOSITY": "ERROR"}
        return env | ({"PYTHONPATH": str(SOURCE)} if self.name == "ours" else {})

    def run(self, program: str, *arguments: str, timeout: float = 50, **variables: str) -> str:
        """Run one of the programs; returns what it prints."""
        command = [str(self.python), str(PROGRAMS / program), *arguments]
        env = self.variables | variables
        done = subprocess.run(
            command, env=env, cwd=self.folder, capture_output=True, text=True, timeout=timeout, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    __call__ = run


@pytest.fixture(scope="session")
def upstream_python(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The interpreter of an environment that has upstream's flamepy.

    ``FLAMEPY_UPSTREAM_PYTHON`` names one that is there already.
    """
    given = os.environ.get("FLAMEPY_UPSTREAM_PYTHON")
    if given:
        return Path(given)
    uv = shutil.which("uv")
    if uv is None:
        pytest.skip("uv is not installed, which makes the environment for upstream's flamepy")
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "upstream"
    with FileLock(f"{folder}.lock"):
        if not (folder / "done").exists():
            _install(uv, folder)
    return folder / "bin" / "python"


def _install(uv: str, folder: Path) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("VIRTUAL_ENV", "PYTHON"))}
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, str(folder)], check=True, env=env)
    install = [uv, "pip", "install", "-q", "--python", str(folder / "bin" / "python"), UPSTREAM, *ALSO]
    subprocess.run(install, check=True, env=env)
    (folder / "done").touch()


@pytest.fixture
def upstream(upstream_python: Path, tmp_path: Path) -> Interpreter:
    """PyPI's flamepy 0.6.0."""
    return Interpreter("upstream", upstream_python, tmp_path)


@pytest.fixture
def ours(tmp_path: Path) -> Interpreter:
    """Our flamepy."""
    return Interpreter("ours", Path(sys.executable), tmp_path)


@pytest.fixture(params=["ours", "upstream"])
def either(request: pytest.FixtureRequest) -> Interpreter:
    """Each of the two."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Our server."""
    with ServerProcess(tmp_path_factory.mktemp("server")) as started:
        yield started
