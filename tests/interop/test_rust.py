"""Rust's ends of the protocol: crate ``flame-rs`` against our server, and tonic against our service process."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import platformdirs
import psutil
import pytest
from filelock import FileLock
from servers import ServerProcess
from user_programs import lodgings
from waiting import until

from flamepy import FlameContext, FlamePackage
from flamepy.deployment import Deployment
from flamepy.engines.flame.application import VERSION
from flamepy.engines.flame.host.letters import Letter, Reply, pack_hello
from flamepy.engines.flame.sdk import boot_arguments, first_task

PROGRAM = Path(__file__).parent / "rust"

SAID = """\
registered twice: true
application: rust-app Some(3)
listed: flmexec flmping flmrun
created: 1000
succeeded: 1000
tasks: 1000
session: 1000 2
sessions: true
executors: true
nodes: 1
reopened: true
"""


@pytest.fixture(scope="session")
def programs() -> Path:
    """The folder of the programs, compiled.

    That takes minutes, so it is kept in the user's cache, or ``FLAMEPY_INTEROP_TARGET``.
    """
    if shutil.which("cargo") is None:
        pytest.skip("cargo is not installed, which compiles the program on flame-rs")
    kept = Path(platformdirs.user_cache_dir("flamepy")) / "tests" / "flame-rs"
    target = Path(os.environ.get("FLAMEPY_INTEROP_TARGET", str(kept)))
    target.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{target}.lock"):
        protoc = target / "protoc"
        protoc.write_text(f'#!/bin/sh\nexec {sys.executable} -m grpc_tools.protoc "$@"\n')
        protoc.chmod(0o755)
        env = {**os.environ, "PROTOC": str(protoc), "CARGO_TARGET_DIR": str(target)}
        command = ["cargo", "build", "--quiet", "--locked", "--manifest-path", str(PROGRAM / "Cargo.toml")]
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target / "debug"


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_rust_sdk(programs: Path, tmp_path: Path):
    with ServerProcess(tmp_path) as server:
        done = subprocess.run(
            [programs / "interop", server.endpoint], capture_output=True, text=True, timeout=100, check=False
        )
    assert (done.stdout, done.stderr) == (SAID, "")


class Manager:
    """The Rust program that calls a service as an executor manager does."""

    def __init__(self, program: Path, socket: Path, folder: Path) -> None:
        self.folder = folder
        until(socket.exists)
        self.process = subprocess.Popen([program, socket], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def enter(self, common_data: bytes) -> str:
        (self.folder / "hello").write_bytes(common_data)
        return self._order(f"enter {self.folder}/hello")

    def invoke(self, task: bytes) -> tuple[str, bytes]:
        """Returns what was said, and the task's output."""
        (self.folder / "task").write_bytes(task)
        said = self._order(f"invoke {self.folder}/task {self.folder}/answer")
        return said, (self.folder / "answer").read_bytes() if said.startswith("invoked") else b""

    def leave(self) -> str:
        return self._order("leave")

    def _order(self, line: str) -> str:
        assert self.process.stdin
        assert self.process.stdout
        print(line, file=self.process.stdin, flush=True)
        return self.process.stdout.readline().strip()

    def __enter__(self) -> Manager:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.communicate(timeout=20)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Path]:
    """The socket of a service process that was started as any cluster starts it."""
    socket = tmp_path / "service.sock"
    process = subprocess.Popen(
        [sys.executable, "-I", *boot_arguments()], env={**os.environ, "FLAME_INSTANCE_ENDPOINT": str(socket)}
    )
    yield socket
    assert process.wait(20) == 0
    assert not lodgings(process.pid)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_rust_executor_manager_and_our_service_process(programs: Path, service: Path, tmp_path: Path):
    project, storage = tmp_path / "project", tmp_path / "storage"
    project.mkdir()
    storage.mkdir()
    (project / "pyproject.toml").write_text('[project]\nname = "p"\nversion = "1"\n')
    context = FlameContext(endpoint="http://127.0.0.1:1", package=FlamePackage(storage.as_uri()))
    with (
        Deployment("p", context, project=project) as package,
        Manager(programs / "executor", service, tmp_path) as rust,
    ):
        order = {
            "name": package.name,
            "url": package.url,
            "sha256": package.sha256,
            "import_roots": package.import_roots,
            "cwd": package.cwd,
            "python": VERSION,
            "environment": "current",
            "object_memory": 0,
            "objects": "p/rust",
            "creator": "e1",
        }
        assert rust.enter(pack_hello(order)) == "entered 0"
        said, answer = rust.invoke(first_task(Letter(1).pack()))
        assert said == "invoked 0"
        number, reply = 1, Reply.unpack(answer)
        while not reply.pid:
            number += 1
            reply = Reply.unpack(rust.invoke(Letter(number, hold=0.2).pack())[1])
            assert (reply.number, reply.reason) == (number, "")
        executor = psutil.Process(reply.pid)
        # A piece of an object as large as messages get, twice: whoever asks again gets the same answer.
        large = Letter(number + 1, pieces=(("c-1", 1 << 20, 0, os.urandom(1 << 20)),) * 3).pack()
        assert rust.invoke(large) == rust.invoke(large)
        assert Reply.unpack(rust.invoke(Letter(99).pack())[1]).lost
        assert rust.invoke(b"no letter")[0].startswith("invoked -1 this service takes tasks of its own client only")
        assert executor.is_running()
        assert rust.leave() == "left 0"
    assert not executor.is_running()
