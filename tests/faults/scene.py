"""A place of its own for engines under test, and what is left of them there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flamepy import FlameContext, FlamePackage, FlameRunner

if TYPE_CHECKING:
    from collections.abc import Callable

PROJECT = Path(__file__).parent / "project"
MARK = "FLAMEPY_TEST_MARK"
SHARED_MEMORY = Path("/dev/shm") if sys.platform == "linux" else None


class Scene:
    """Folders for one test, and an environment variable by which its processes are found."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.mark = uuid.uuid4().hex
        self.storage = root / "storage"
        self.environment = {
            MARK: self.mark,
            "TMPDIR": str(root / "tmp"),
            "FLAMEPY_RUNTIME_DIR": str(root / "run"),
            "FLAMEPY_STATE_DIR": str(root / "state"),
            "XDG_CACHE_HOME": str(root / "cache"),
            "PYTHONPATH": os.pathsep.join([str(PROJECT), *filter(None, [os.environ.get("PYTHONPATH")])]),
        }
        for name in ("storage", "tmp", "run", "state", "cache"):
            (root / name).mkdir()
        self.clients = {os.getpid()}
        self._shared_before = self._shared_memory()

    def context(self) -> FlameContext:
        return FlameContext(endpoint="local://", package=FlamePackage(storage=self.storage.as_uri()))

    def runner(self, name: str = "victim", **settings: Any) -> FlameRunner:
        return FlameRunner(name, context=self.context(), project=PROJECT, progress=False, **settings)

    def start(self, script: str, *arguments: object, measured: bool = True, **options: Any) -> subprocess.Popen[str]:
        """Run a client in a process (and process group) of its own.

        Without ``measured`` coverage stays out of it: a KeyboardInterrupt inside its tracer leaves its lock taken.
        """
        prologue = (
            "import sys, os, time, signal, threading\n"
            "import victims\n"
            "from flamepy import FlameContext, FlamePackage, FlameRunner\n"
            f"context = FlameContext(endpoint='local://', package=FlamePackage(storage={self.storage.as_uri()!r}))\n"
            f"def runner(name='victim', **settings):\n"
            f"    return FlameRunner(name, context=context, project={str(PROJECT)!r}, progress=False, **settings)\n"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", prologue + script, *map(str, arguments)],
            env={**os.environ, **self.environment, **({} if measured else {"COVERAGE_PROCESS_CONFIG": ""})},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=self.root,
            **options,
        )
        self.clients.add(process.pid)
        return process

    def run(self, script: str, *arguments: object, seconds: float = 40, **options: Any) -> tuple[int, str]:
        """Run a client to its end; returns the exit code and what it printed."""
        process = self.start(script, *arguments, **options)
        try:
            output, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            output, _ = process.communicate()
            raise AssertionError(f"the client did not end within {seconds} s; it said:\n{output}") from None
        return process.returncode, output

    # ---- what is left

    def processes(self) -> dict[int, str]:
        """Processes of this scene that live, with their command lines; the test's own is not one of them."""
        found = {}
        wanted = f"{MARK}={self.mark}".encode()
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            try:
                if wanted in (entry / "environ").read_bytes().split(b"\0"):
                    state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
                    if state != "Z":
                        found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()[:60]
            except (OSError, IndexError):
                continue
        return found

    def next_run(self) -> None:
        """Start and end an engine: it buries those that were killed."""
        with self.runner("next"):
            pass

    def kill_all(self) -> None:
        """After a test that failed: leave nothing to the next one."""
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)

    def _shared_memory(self) -> set[str]:
        root = SHARED_MEMORY or self.root / "tmp"
        return {path.name for path in root.glob("flamepy-*") if any(f"-{pid}-" in path.name for pid in self.clients)}

    def leftovers(self, *, package: bool = False) -> list[str]:
        """All that should not be there any more."""
        left = [f"process {pid}: {line}" for pid, line in self.processes().items()]
        left += [f"shared memory {name}" for name in self._shared_memory() - self._shared_before]
        left += [f"temporary {path.name}" for path in (self.root / "tmp").iterdir()]
        left += [f"runtime {path.relative_to(self.root)}" for path in (self.root / "run").glob("engines/*")]
        if not package:
            left += [f"package {path.name}" for path in self.storage.iterdir()]
        return left

    def assert_clean(self, seconds: float = 10, *, package: bool = False) -> None:
        """Nothing is left, at the latest after some seconds."""
        eventually(lambda: not self.leftovers(package=package), seconds, lambda: self.leftovers(package=package))


def eventually(condition: Callable[[], object], seconds: float = 20, explain: Callable[[], object] = str) -> Any:
    """Wait until a condition holds and return its value; the test fails if it does not in time."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, explain() or f"not within {seconds} s"
        time.sleep(0.01)
    return value


def is_alive(pid: int) -> bool:
    """Whether a process runs (one that only waits to be reaped does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def pid_in(path: Path) -> int:
    """The process id that a task has written into a file, once it is there."""
    return int(eventually(lambda: path.exists() and path.read_text()))
