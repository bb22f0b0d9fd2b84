"""Programs of users, in processes of their own, and what they leave on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from servers import ServerProcess

from flamepy import FlameContext
from flamepy.engines.select import frontend
from flamepy.wire.proto import types_pb2 as types

TEMPLATE = "this-python"


def register_this_python(endpoint: str, token: str | None = None) -> str:
    """Register an application that starts the interpreter of the tests, with its packages."""
    with frontend(FlameContext(endpoint=endpoint, token=token)) as connected:
        spec = types.ApplicationSpec(command=sys.executable, arguments=["-m", "none"])
        connected.register_application(TEMPLATE, spec)
    return TEMPLATE


class Program:
    """A user's project and program.

    Args:
        folder: Where it is.
        server: The cluster that it runs on.
    """

    def __init__(self, folder: Path, server: ServerProcess) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "pyproject.toml").write_text('[project]\nname = "program"\nversion = "1"\n')
        self.environment = {
            **os.environ,
            "FLAME_ENDPOINT": server.endpoint,
            "FLAME_CACHE_ENDPOINT": server.cache,
        }

    def start(self, text: str, *, links: bool = True, **variables: str) -> subprocess.Popen[str]:
        """Start a program; by plain ``flame.v1``, or by the stream of our server."""
        (self.folder / "main.py").write_text(text)
        return subprocess.Popen(
            [sys.executable, "main.py"],
            cwd=self.folder,
            env={**self.environment, "FLAMEPY_FLAME_LINKS": str(int(links)), **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, text: str, **settings) -> str:
        """Run a program to its end; returns what it printed."""
        with self.start(text, **settings) as process:
            out, errors = process.communicate(timeout=60)
        assert process.returncode == 0, out + errors
        return out


def lodgings(pid: int) -> list[Path]:
    """The folders that a process has for executors that it hosts."""
    roots = (Path("/dev/shm"), Path(tempfile.gettempdir()))
    return [path for root in roots for path in root.glob(f"flamepy-*-{pid}-*.host")]
