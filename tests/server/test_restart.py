"""What survives the death of the server, and what does not."""

from __future__ import annotations

import resource
from collections import Counter
from pathlib import Path

import grpc
import psutil
import pytest
from servers import ServerProcess
from waiting import until

from flamepy.wire.proto import types_pb2 as types
from server.client import Client


def test_a_killed_server_loses_nothing_that_it_had_accepted(tmp_path):
    notes = tmp_path / "notes"
    server = ServerProcess(tmp_path / "data", resources="cpu=2,mem=4g").start()
    with grpc.insecure_channel(server.target) as channel:
        client = Client(channel)
        session = client.open(client.register(), common_data=b"kept", max_instances=2, priority=3)
        # Each takes a moment, so that a fast server cannot have done them all before it is killed.
        told = {"do": "note", "file": str(notes), "seconds": 0.03}
        accepted = [client.submit(session, text=str(number), **told) for number in range(300)]
        failed = client.submit(session, do="raise", text="why")
        closed = client.open("flmping")
        client.close(closed)
        until(lambda: client.session(session).status.succeed > 20)
        pids = services_below(server)
        done = {each.metadata.id for each in client.tasks(session) if each.status.state == types.TaskState.Succeed}
        assert server.kill() == -9
    assert len(accepted) > len(done) >= 20
    until(lambda: not any(psutil.pid_exists(pid) for pid in pids))
    with server.restart(), grpc.insecure_channel(server.target) as channel:
        client = Client(channel)
        for task in accepted:
            assert client.watch(session, task).status.state == types.TaskState.Succeed
        assert client.watch(session, failed).status.events[-1].message == "RuntimeError: why"
        ran = Counter(notes.read_text().split())
        assert set(ran) == {str(number) for number in range(300)}
        assert max(ran.values()) <= 2
        assert all(ran[str(int(task) - 1)] == 1 for task in done), "what a client saw as done is not run again"
        kept = client.session(session)
        assert (kept.spec.common_data, kept.spec.priority) == (b"kept", 3)
        assert (kept.status.succeed, kept.status.failed) == (300, 1)
        assert client.session(closed).status.state == types.SessionState.Closed
        assert client.submit(session) == "302"


def test_a_server_that_is_asked_to_end_leaves_nothing_behind(tmp_path):
    with ServerProcess(tmp_path / "data") as server, grpc.insecure_channel(server.target) as channel:
        client = Client(channel)
        session = client.open(client.register())
        client.run(session)
        client.submit(session, do="sleep", seconds=600)
        until(lambda: client.session(session).status.running == 1)
        pids = services_below(server)
        assert len(pids) >= 2
        assert server.stop() == 0
        assert not any(psutil.pid_exists(pid) for pid in pids)
    assert not list((tmp_path / "data").glob("executors/*"))
    assert not Path((tmp_path / "data" / "sockets").read_text()).exists()
    with server.restart(), grpc.insecure_channel(server.target) as channel:
        until(lambda: Client(channel).session(session).status.running == 1)


def test_what_cannot_be_written_down_does_not_run(tmp_path):
    """No room for the store: tasks and sessions are refused, and go on being accepted when there is room again."""
    notes = tmp_path / "notes"
    with ServerProcess(tmp_path / "data") as server, grpc.insecure_channel(server.target) as channel:
        client = Client(channel)
        session = client.open(client.register())

        def note(text: str) -> str:
            return client.submit(session, do="note", file=str(notes), text=text)

        client.watch(session, note("before"))
        allow_files_of(server, 1)
        for number in range(20):
            with pytest.raises(grpc.RpcError) as refused:
                note(f"refused{number}")
            assert refused.value.code() is grpc.StatusCode.INTERNAL
            assert "flame.db cannot be written" in refused.value.details()
        with pytest.raises(grpc.RpcError, match="cannot be written"):
            client.open("flmping")
        assert client.session(session).status.pending == 0
        allow_files_of(server, resource.RLIM_INFINITY)

        def accepted() -> str | None:
            try:
                return note("after")
            except grpc.RpcError:
                return None

        client.watch(session, until(accepted))
        assert notes.read_text().split() == ["before", "after"]
        server.kill()
        server.restart()
        kept = [each.status.state for each in client.tasks(session)]
        assert kept == [types.TaskState.Succeed] * 2


def allow_files_of(server: ServerProcess, size: int) -> None:
    """Let no file of a server grow beyond a size."""
    assert server.process
    _, hard = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size, hard))


def test_two_servers_do_not_share_a_folder(tmp_path):
    with ServerProcess(tmp_path), pytest.raises(AssertionError, match="another server"):
        ServerProcess(tmp_path).start()


def test_a_port_that_is_taken_is_said(tmp_path):
    with ServerProcess(tmp_path / "one") as server:
        second = ServerProcess(tmp_path / "two", endpoint=server.endpoint)
        with pytest.raises(AssertionError, match=r"cannot listen on .* does another program use the port"):
            second.start()


def services_below(server: ServerProcess) -> list[int]:
    """The processes that a server has started."""
    assert server.process
    return [child.pid for child in psutil.Process(server.process.pid).children(recursive=True)]


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_more_data_than_fits_into_memory(tmp_path):
    """400 MiB of results: those that the server no longer holds come out of its file, also after a restart."""
    with ServerProcess(tmp_path / "data") as server:
        with grpc.insecure_channel(server.target) as channel:
            client = Client(channel)
            session = client.open(client.register(), max_instances=4)
            tasks = [client.submit(session, do="big", size=4_000_000) for _ in range(100)]
            for task in tasks:
                assert len(client.watch(session, task).spec.output) == 4_000_000
            assert psutil.Process(server.process.pid).memory_info().rss < 800 << 20
        server.kill()
        with server.restart(), grpc.insecure_channel(server.target) as channel:
            listed = Client(channel).tasks(session)
            assert [len(each.spec.output) for each in listed] == [4_000_000] * 100
            assert psutil.Process(server.process.pid).memory_info().rss < 500 << 20
