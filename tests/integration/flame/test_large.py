"""Large objects over plain ``flame.v1``: they lie in the cluster's cache while they travel, and nowhere afterwards."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import psutil
import pytest

pytest.importorskip("grpc")
pytest.importorskip("pyarrow")

from servers import ServerProcess

from flamepy import FlameContext, FlamePackage, FlameRunner
from flamepy.engines.select import frontend
from flamepy.wire.cache import CacheClient
from flamepy.wire.proto import types_pb2 as types

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MIB = 1 << 20
LARGE = 64 * MIB

MODULE = """
def double(data):
    return data + data


def size(data):
    return len(data)
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path / "data", resources="cpu=4,mem=16g") as running:
        with frontend(FlameContext(endpoint=running.endpoint)) as asked:
            spec = types.ApplicationSpec(command=sys.executable, arguments=["-m", "x"])
            asked.register_application("this-python", spec)
        yield running


@pytest.fixture
def context(server: ServerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FlameContext:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pyproject.toml").write_text('[project]\nname = "p"\nversion = "1"\n')
    (folder / "large_work.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.chdir(folder)
    monkeypatch.setenv("FLAMEPY_FLAME_LINKS", "0")
    (tmp_path / "storage").mkdir()
    return FlameContext(
        endpoint=server.endpoint,
        cache=server.cache,
        package=FlamePackage((tmp_path / "storage").as_uri()),
        environment="current",
        template="this-python",
    )


def kept(server: ServerProcess, seconds: float = 10.0) -> list[tuple[str, int]]:
    """What is left in the cache of objects; it is deleted in the background."""
    client = CacheClient(server.cache)
    deadline = time.monotonic() + seconds
    while (found := client.sizes()) and time.monotonic() < deadline:
        time.sleep(0.05)
    client.close()
    return found


@pytest.mark.timeout(120)
@pytest.mark.slow
def test_they_leave_nothing_in_the_session_manager_and_its_memory_stays_flat(server, context, tmp_path):
    import large_work

    assert server.process is not None
    process = psutil.Process(server.process.pid)
    with FlameRunner("large", context=context) as runner:
        double = runner.service(large_work.double)
        for number in range(3):
            assert double(bytes([number]) * (LARGE // 2)).get(timeout=60) == bytes([number]) * LARGE
        before = process.memory_info().rss
        for number in range(3, 9):
            assert double(bytes([number]) * (LARGE // 2)).get(timeout=60) == bytes([number]) * LARGE
        assert kept(server) == []
        # What goes through tasks the session manager keeps: here that would be some 600 MiB.
        assert process.memory_info().rss - before < 3 * LARGE
        written = sum(path.stat().st_size for path in (tmp_path / "data").glob("flame.db*"))
        assert written < LARGE
    assert kept(server) == []


@pytest.mark.timeout(60)
def test_without_a_cache_they_travel_in_tasks(server, context):
    import large_work

    alone = FlameContext(
        endpoint=context.endpoint,
        cache="grpc://127.0.0.1:9",  # nobody is there
        package=context.package,
        environment="current",
        template="this-python",
    )
    with FlameRunner("large", context=alone) as runner:
        size, double = runner.service(large_work.size), runner.service(large_work.double)
        for _ in range(2):
            assert size(bytes(8 * MIB)).get(timeout=50) == 8 * MIB
            assert len(double(bytes(3 * MIB)).get(timeout=50)) == 6 * MIB
    assert kept(server) == []
