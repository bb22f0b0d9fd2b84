"""Executors that are lent to clients wait for their turn, and nobody waits for ever."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import grpc
import pytest
from servers import ServerProcess
from user_programs import Program
from waiting import until

from flamepy import FlameContext, FlamePackage, FlameRunner, Resources
from flamepy.wire.proto import types_pb2 as types
from server.client import Client

pytestmark = pytest.mark.timeout(90)

MODULE = """
import os

class Box:
    def pid(self):
        return os.getpid()
"""


@pytest.fixture
def small(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server for two executors."""
    with ServerProcess(tmp_path / "data", resources="cpu=2,mem=2g") as running:
        yield running


@pytest.fixture
def client(small: ServerProcess) -> Iterator[Client]:
    with grpc.insecure_channel(small.target) as channel:
        yield Client(channel)


@pytest.fixture
def make_runner(
    small: ServerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], FlameRunner]]:
    """Makes runners, each of which is a client of its own."""
    project, storage = tmp_path / "project", tmp_path / "storage"
    project.mkdir()
    storage.mkdir()
    (project / "pyproject.toml").write_text('[project]\nname = "lent"\nversion = "1"\n')
    (project / "lent_work.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(project))
    context = FlameContext(endpoint=small.endpoint, package=FlamePackage(storage.as_uri()))
    with ExitStack() as entered:
        yield lambda name: entered.enter_context(FlameRunner(name, context=context, project=project))


ALL = Resources(cpu=2)
"""What the server has."""


def test_an_executor_that_says_what_it_needs_waits_for_it(make_runner, client):
    import lent_work

    taken = make_runner("first").service(lent_work.Box, resources=ALL)
    pid = taken.pid().get(timeout=20)
    waiting = make_runner("second").service(lent_work.Box, resources=Resources(cpu=1)).pid()
    (session,) = until(lambda: [each for each in sessions(client) if "second" in each])
    (executor,) = until(lambda: client.executors(session))
    assert executor.status.state == types.ExecutorVoid
    assert not waiting.done()
    taken.close()
    assert waiting.get(timeout=20) != pid


def client_executors(client: Client) -> list[types.Executor]:
    from flamepy.wire import frontend
    from flamepy.wire.proto import frontend_pb2 as asked

    return list(frontend.LIST_EXECUTOR.on(client.channel)(asked.ListExecutorRequest()).executors)


def sessions(client: Client) -> list[str]:
    from flamepy.wire import frontend
    from flamepy.wire.proto import frontend_pb2 as asked

    return [each.metadata.id for each in frontend.LIST_SESSION.on(client.channel)(asked.ListSessionRequest()).sessions]


def test_more_services_than_there_is_room_for_all_work(make_runner):
    import lent_work

    boxes = [make_runner(name).service(lent_work.Box, name=f"box{n}") for name in ("one", "two") for n in range(4)]
    assert len({box.pid().get(timeout=40) for box in boxes}) == 8


def test_a_client_is_told_why_it_waits(make_runner, client, small, tmp_path):
    import lent_work

    taken = make_runner("first").service(lent_work.Box, resources=ALL)
    taken.pid().get(timeout=20)
    with Program(tmp_path / "other", small).start(OTHER) as process:
        (session,) = until(lambda: [each for each in sessions(client) if "other" in each])
        until(lambda: client.executors(session))
        why = process.stdout.readline()
        assert re.fullmatch(r"executor \d+ waits for room on \S+: cpu=0 of 2 is free, and an executor takes 2\n", why)
        taken.close()
        out, errors = process.communicate(timeout=40)
    assert (process.returncode, out) == (0, "done\n"), errors


OTHER = """
import time
from flamepy import FlameRunner, Resources


class Box:
    def work(self):
        return 1


if __name__ == "__main__":
    with FlameRunner("other") as runner:
        call = runner.service(Box, resources=Resources(cpu=2)).work()
        (session,) = runner._engine.sessions.values()
        while "waits for room" not in session.why_waiting():
            time.sleep(0.02)
        print(session.why_waiting(), flush=True)
        call.get(timeout=60)
    print("done")
"""


def test_services_and_lent_executors_share_the_machine(make_runner, client):
    import lent_work

    session = client.open(client.register(delay_release=0), max_instances=2)
    tasks = [client.submit(session, do="sleep", seconds=1) for _ in range(2)]
    until(lambda: client.session(session).status.running == 2)
    box = make_runner("one").service(lent_work.Box, resources=Resources(cpu=1)).pid()
    for task in tasks:
        client.watch(session, task)
    assert box.get(timeout=20)


def test_a_service_that_is_closed_waits_no_more(make_runner, client):
    import lent_work

    taken = make_runner("first").service(lent_work.Box, resources=ALL)
    taken.pid().get(timeout=20)
    second, third = (make_runner(name).service(lent_work.Box, resources=ALL) for name in ("second", "third"))
    waiting, later = second.pid(), third.pid()
    until(lambda: len(client_executors(client)) == 3)
    waiting.cancel()
    second.close()
    taken.close()
    assert later.get(timeout=20)
    assert waiting.cancelled()
