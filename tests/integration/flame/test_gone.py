"""A server that is killed and never comes back: every call gets an error that says so."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("grpc")

from servers import ServerProcess
from user_programs import register_this_python

from flamepy import FlameContext, FlamePackage, FlameRunner
from flamepy.engines.flame import silence
from flamepy.errors import EngineUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path / "data", resources="cpu=16,mem=32g") as running:
        yield running


@pytest.mark.timeout(60)
@pytest.mark.parametrize("links", ["1", "0"], ids=["stream", "plain"])
def test_calls_fail_and_say_who_does_not_answer(server, tmp_path, monkeypatch, caplog, links):
    def wait_for_ever():  # not of this module, which executors do not have
        threading.Event().wait()

    monkeypatch.setenv("FLAMEPY_FLAME_LINKS", links)
    monkeypatch.setattr(silence, "NOTICE_SECONDS", 0.2)
    monkeypatch.setattr(silence, "LOST_SECONDS", 1.5)
    project = tmp_path / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text('[project]\nname = "p"\nversion = "1"\n')
    context = FlameContext(
        endpoint=server.endpoint,
        package=FlamePackage((tmp_path / "storage").as_uri()),
        environment="current",
        template=register_this_python(server.endpoint),
    )
    with FlameRunner("gone", context=context, project=project) as runner, caplog.at_level(logging.WARNING, "flamepy"):
        double, wait = runner.service(lambda number: 2 * number), runner.service(wait_for_ever)
        assert double(1).get(timeout=30) == 2
        under_way, queued = wait(), [wait() for _ in range(100)]
        server.kill()
        later = double(2)
        for call in (under_way, queued[-1], later, runner.service(lambda: 3)()):
            error = call.exception(timeout=30)
            assert isinstance(error, EngineUnavailable)
            assert server.endpoint in str(error)
            assert "has not answered" in str(error)
    assert caplog.text.count("does not answer; calls wait") == 1
