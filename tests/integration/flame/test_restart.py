"""A server that is killed in mid-work and started again: every call ends once, as the client sees it."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("grpc")

from servers import ServerProcess

import flamepy
from flamepy import FlameContext, FlamePackage, FlameRunner
from flamepy.engines.select import frontend
from flamepy.wire.proto import types_pb2 as types

if TYPE_CHECKING:
    from collections.abc import Iterator

TASKS = 10_000

MODULE = """
def square(number):
    return number * number


class Ledger:
    def __init__(self):
        self.seen = []

    def add(self, number):
        self.seen.append(number)
        return len(self.seen)
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path / "data", resources="cpu=16,mem=32g") as running:
        yield running


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pyproject.toml").write_text('[project]\nname = "p"\nversion = "1"\n')
    (folder / "restart_work.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(folder))
    return folder


@pytest.fixture
def plain(server: ServerProcess, monkeypatch: pytest.MonkeyPatch) -> str:
    """Have programs speak plain ``flame.v1``; returns an application that starts this very Python."""
    monkeypatch.setenv("FLAMEPY_FLAME_LINKS", "0")
    with frontend(FlameContext(endpoint=server.endpoint)) as asked:
        asked.register_application("this-python", types.ApplicationSpec(command=sys.executable, arguments=["-m", "x"]))
    return "this-python"


def runner(server: ServerProcess, tmp_path: Path, project: Path, template: str | None = None) -> FlameRunner:
    storage = tmp_path / "storage"
    storage.mkdir()
    context = FlameContext(
        endpoint=server.endpoint, package=FlamePackage(storage.as_uri()), environment="current", template=template
    )
    return FlameRunner("restart", context=context, project=project)


@pytest.mark.timeout(120)
@pytest.mark.slow
@pytest.mark.parametrize("way", ["stream", "plain"])
def test_every_call_of_a_function_ends_once_though_the_server_is_killed(server, tmp_path, project, way, request):
    import restart_work

    template = request.getfixturevalue("plain") if way == "plain" else None
    with runner(server, tmp_path, project, template) as entered:
        square = entered.service(restart_work.square)
        ended: list[int] = []
        calls = [square(number) for number in range(TASKS // 2)]
        for number, call in enumerate(calls):
            call.add_done_callback(lambda _, n=number: ended.append(n))
        calls[TASKS // 8].get(timeout=30)
        server.kill()
        calls += [square(number) for number in range(TASKS // 2, TASKS)]
        for number, call in list(enumerate(calls))[TASKS // 2 :]:
            call.add_done_callback(lambda _, n=number: ended.append(n))
        server.restart()
        assert flamepy.get(calls, timeout=80) == [number * number for number in range(TASKS)]
        assert sorted(ended) == list(range(TASKS))


@pytest.mark.timeout(90)
@pytest.mark.slow
@pytest.mark.parametrize("way", ["stream", "plain"])
def test_an_instance_that_went_with_its_server_is_lost_and_one_with_checkpoints_is_not(
    server, tmp_path, project, way, request
):
    import restart_work

    template = request.getfixturevalue("plain") if way == "plain" else None
    with runner(server, tmp_path, project, template) as entered:
        mortal = entered.service(restart_work.Ledger)
        kept = entered.service(restart_work.Ledger, name="kept", checkpoint=1)
        assert mortal.add(0).get(timeout=30) == 1
        assert [kept.add(number).get(timeout=30) for number in range(5)] == [1, 2, 3, 4, 5]
        server.kill()
        later = [kept.add(number) for number in range(5, 50)]
        server.restart()
        assert [call.get(timeout=60) for call in later] == list(range(6, 51))
        with pytest.raises(flamepy.errors.StateLost):  # when it is called, if that is known by then
            mortal.add(1).get(timeout=60)


@pytest.mark.timeout(60)
def test_services_are_sessions_under_flmrun_with_their_counts(server, tmp_path, project):
    import restart_work

    with runner(server, tmp_path, project) as entered, frontend(FlameContext(endpoint=server.endpoint)) as asked:
        square = entered.service(restart_work.square)
        flamepy.get([square(number) for number in range(100)], timeout=30)
        deadline = time.monotonic() + 20
        while True:
            (session,) = [each for each in asked.list_sessions() if each.spec.application == "flmrun"]
            if session.status.succeed == 100 or time.monotonic() > deadline:
                break
        assert session.status.succeed == 100
        assert "square" in session.metadata.id
        assert any(executor.status.session_id == session.metadata.id for executor in asked.list_executors())
    with frontend(FlameContext(endpoint=server.endpoint)) as asked:
        assert [each.status.state for each in asked.list_sessions()] == [1]
        (tmp_path / "again").mkdir()
        with runner(server, tmp_path / "again", project) as entered:  # shorter than counters are told of
            assert flamepy.get(entered.service(restart_work.square).map(range(7)), timeout=30)[-1] == 36
        assert sorted(each.status.succeed for each in asked.list_sessions()) == [7, 100]
        assert list(asked.list_executors()) == []
