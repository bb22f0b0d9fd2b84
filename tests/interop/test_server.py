"""Upstream's Python client against a server of ours."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from servers import ServerProcess

PROGRAMS = Path(__file__).parent / "programs"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("interop")) as running:
        yield running


@pytest.fixture
def endpoints(server: ServerProcess) -> dict[str, str]:
    return {"FLAME_ENDPOINT": server.endpoint, "FLAME_CACHE_ENDPOINT": server.cache}


def test_our_messages_are_upstream_s(upstream: Callable[..., str]):
    theirs = json.loads(
        upstream("descriptors.py", "flamepy.proto.types_pb2", "flamepy.proto.frontend_pb2", "flamepy.proto.shim_pb2")
    )
    ours = [f"flamepy.wire.proto.{name}_pb2" for name in ("types", "frontend", "instance")]
    done = subprocess.run(
        [sys.executable, PROGRAMS / "descriptors.py", *ours], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == theirs


def test_the_core_client(upstream: Callable[..., str], endpoints: dict[str, str]):
    assert upstream("sessions.py", **endpoints).endswith("done\n")


def test_the_service_api(upstream: Callable[..., str], endpoints: dict[str, str]):
    assert upstream("talking.py", **endpoints).endswith("done\n")


@pytest.mark.timeout(200)
def test_the_runner(upstream: Callable[..., str], endpoints: dict[str, str]):
    assert upstream("running.py", timeout=180, **endpoints).endswith("done\n")
