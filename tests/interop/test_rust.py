"""Upstream's Rust SDK, crate ``flame-rs``, against a server of ours."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import platformdirs
import pytest
from filelock import FileLock
from servers import ServerProcess

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
def interop() -> Path:
    """The program, compiled; that takes minutes, so it is kept in the user's cache, or ``FLAMEPY_INTEROP_TARGET``."""
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
    return target / "debug" / "interop"


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_rust_sdk(interop: Path, tmp_path: Path):
    with ServerProcess(tmp_path) as server:
        done = subprocess.run([interop, server.endpoint], capture_output=True, text=True, timeout=100, check=False)
    assert (done.stdout, done.stderr) == (SAID, "")
