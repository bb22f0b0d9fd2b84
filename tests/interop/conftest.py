"""Clients that nobody here wrote: PyPI's flamepy 0.6.0 in an environment of its own, made once a session.

It has our import name, so that it can never share an environment with us.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

UPSTREAM = "flamepy==0.6.0"
ALSO = ("numpy", "pandas")
PROGRAMS = Path(__file__).parent / "upstream"


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
def upstream(upstream_python: Path, tmp_path: Path) -> Callable[..., str]:
    """Run one of the programs in ``upstream/`` with upstream's flamepy; returns what it prints."""

    def run(program: str, *arguments: str, timeout: float = 50, **variables: str) -> str:
        keep = ("PATH", "LANG", "TMPDIR", "UV_", "SSL_")
        env = {name: value for name, value in os.environ.items() if name.startswith(keep)}
        env |= {"HOME": str(tmp_path), "GRPC_VERBOSITY": "ERROR", **variables}
        command = [str(upstream_python), str(PROGRAMS / program), *arguments]
        done = subprocess.run(
            command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=timeout, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run
