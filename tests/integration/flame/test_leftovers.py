"""Processes that are killed leave nothing for good: no folders, no sessions, no applications."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

pytest.importorskip("grpc")

from servers import ServerProcess
from user_programs import TEMPLATE, Program, lodgings, register_this_python
from waiting import until

from flamepy import FlameContext
from flamepy.engines.flame.frontend import Frontend
from flamepy.engines.select import frontend
from flamepy.packaging.storage.cache import CacheStorage
from flamepy.wire.proto import types_pb2 as types

pytestmark = pytest.mark.timeout(90)

WORK = """
import time
import numpy
from flamepy import FlameContext, FlameRunner


def ones(size):
    return numpy.ones(size)


def nap(seconds):
    time.sleep(seconds)


class Counter:
    def __init__(self):
        self.count = 0

    def add(self):
        self.count += 1
        return self.count


if __name__ == "__main__":
    from flamepy.engines.flame import lease
    from flamepy.wire import leases

    lease.LEASE_SECONDS = 2
    leases.lease_mark.__defaults__ = (2,)
    with FlameRunner("left", context=FlameContext(environment="current", template=TEMPLATE)) as runner:
        counter = runner.service(Counter)
        assert runner.service(ones)(100_000).get(timeout=40).sum() == 100_000
        assert counter.add().get(timeout=40) == 1
        sleeper = runner.service(nap)
        call = sleeper(WAIT)
        print("begun", flush=True)
        call.get()
        print(counter.add().get(timeout=40))
"""


def work(links: bool, wait: float) -> str:
    return WORK.replace("TEMPLATE", "None" if links else repr(TEMPLATE)).replace("WAIT", str(wait))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path / "data", resources="cpu=16,mem=32g") as running:
        register_this_python(running.endpoint)
        yield running


@pytest.fixture
def program(tmp_path: Path, server: ServerProcess) -> Program:
    return Program(tmp_path / "program", server)


@pytest.fixture
def cluster(server: ServerProcess) -> Iterator[Frontend]:
    with frontend(FlameContext(endpoint=server.endpoint)) as connected:
        yield connected


def open_sessions(cluster: Frontend) -> list[str]:
    return [each.metadata.id for each in cluster.list_sessions() if each.status.state == types.SessionState.Open]


def applications(cluster: Frontend) -> list[str]:
    return [each.metadata.name for each in cluster.list_applications() if each.metadata.name.startswith("left")]


@pytest.mark.parametrize("links", [True, False], ids=["stream", "plain"])
def test_a_killed_client_s_sessions_are_closed(server, program, cluster, links):
    client = program.start(work(links, 600), links=links)
    assert client.stdout.readline() == "begun\n"
    until(lambda: len(open_sessions(cluster)) == 3)
    assert bool(applications(cluster)) != links
    assert [package.name for package in CacheStorage(server.cache).list()] == ["left"]
    client.send_signal(signal.SIGKILL)
    client.communicate()
    until(lambda: not open_sessions(cluster))
    until(lambda: not applications(cluster))
    until(lambda: not cluster.list_executors())
    until(lambda: not list(CacheStorage(server.cache).list()))
    (session, *_) = cluster.list_sessions()
    events = cluster.get_session(session.metadata.id).status.events
    assert "nothing was heard of its client for 2 s" in events[-1].message
    until(lambda: not lodgings(server.process.pid))


@pytest.mark.parametrize("links", [True, False], ids=["stream", "plain"])
def test_a_client_that_lives_keeps_its_sessions(program, cluster, links):
    begin = time.monotonic()
    assert program.run(work(links, 5), links=links) == "begun\n2\n"
    assert time.monotonic() - begin > 5
    assert open_sessions(cluster) == applications(cluster) == []


def test_a_lease_outlives_the_server(server, program, cluster):
    client = program.start(work(False, 600), links=False)
    assert client.stdout.readline() == "begun\n"
    client.send_signal(signal.SIGKILL)
    client.communicate()
    server.kill()
    server.restart()
    until(lambda: not open_sessions(cluster) and not applications(cluster))


def test_what_a_killed_host_had_is_removed(server, program):
    client = program.start(work(False, 600), links=False)
    assert client.stdout.readline() == "begun\n"
    services = psutil.Process(server.process.pid)
    hosts = until(lambda: [each for each in services.children(recursive=True) if lodgings(each.pid)])
    for host in hosts:
        host.kill()
    until(lambda: not any(lodgings(host.pid) for host in hosts))
    client.kill()
    client.communicate()


def test_what_a_killed_server_had_is_removed_by_the_next(server, program):
    client = program.start(work(True, 600))
    assert client.stdout.readline() == "begun\n"
    before = server.process.pid
    executors = psutil.Process(before).children(recursive=True)
    assert len(lodgings(before)) == 2
    client.kill()
    client.communicate()
    server.kill()
    until(lambda: not any(each.is_running() for each in executors))
    server.restart()
    assert lodgings(before) == []
