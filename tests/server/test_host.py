"""The processes of services: how they are started, what they see, how they end."""

from __future__ import annotations

import os
from pathlib import Path

import grpc
import psutil
import pytest
from servers import ServerProcess
from waiting import until

from flamepy.wire import frontend
from flamepy.wire.proto import frontend_pb2 as asked
from flamepy.wire.proto import types_pb2 as types
from server.client import Client


@pytest.fixture
def client(channel) -> Client:
    return Client(channel)


def is_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_tasks_of_a_session_run_in_one_process_one_after_the_other(client):
    session = client.open(client.register(), common_data=b"shared")
    facts = [client.run(session) for _ in range(5)]
    assert [each["count"] for each in facts] == [1, 2, 3, 4, 5]
    assert len({each["pid"] for each in facts}) == 1
    assert facts[0]["common"] == "shared"
    other = client.open(client.register())
    assert client.run(other)["pid"] != facts[0]["pid"]


def test_the_environment_of_a_service(client, server):
    name = client.register(environment={"WHERE": "${FLAME_HOME}/x", "NAMED": "$NOBODY_KNOWS", "PLAIN": "1"})
    seen = client.run(client.open(name))["environment"]
    assert seen["WHERE"] == f"{server.data}/x"
    assert seen["NAMED"] == "$NOBODY_KNOWS"
    assert seen["PLAIN"] == "1"
    assert seen["FLAME_ENDPOINT"] == server.endpoint
    assert seen["FLAME_CACHE_ENDPOINT"] == server.cache
    assert seen["FLAME_LOG"] == "info"
    assert Path(seen["FLAME_INSTANCE_ENDPOINT"]).is_socket()
    assert Path(seen["TMPDIR"]).is_dir()
    assert seen["TMPDIR"] == seen["TMP"] == seen["TEMP"]


def test_the_working_directory_is_the_one_asked_for(client, tmp_path):
    folder = tmp_path / "made" / "for it"
    session = client.open(client.register(working_directory=str(folder)))
    assert client.run(session)["cwd"] == str(folder)


def test_a_service_has_a_folder_of_its_own_that_goes_with_it(client):
    session = client.open(client.register())
    facts = client.run(session)
    assert Path(facts["cwd"]).is_dir()
    client.close(session)
    until(lambda: is_gone(facts["pid"]))
    until(lambda: not Path(facts["cwd"]).exists())
    assert not Path(facts["environment"]["FLAME_INSTANCE_ENDPOINT"]).exists()


def test_whatever_a_service_started_ends_with_it(client):
    session = client.open(client.register())
    task = client.watch(session, client.submit(session, do="spawn"))
    child = int(task.spec.output)
    assert not is_gone(child)
    client.close(session)
    until(lambda: is_gone(child))


def test_a_service_s_error_fails_its_task_and_no_other(client):
    session = client.open(client.register())
    pid = client.run(session)["pid"]
    assert client.failure(session, do="raise", text="no such model") == "RuntimeError: no such model"
    assert client.run(session)["pid"] == pid


@pytest.mark.parametrize(
    ("given", "text"), [({"do": "exit", "code": 3}, "exit code 3"), ({"do": "kill"}, "signal 9 (SIGKILL)")]
)
def test_a_process_that_dies_fails_its_task_and_the_rest_goes_on(client, given, text):
    session = client.open(client.register(), max_instances=1)
    pid = client.run(session)["pid"]
    first = client.submit(session, **given)
    rest = [client.submit(session) for _ in range(3)]
    died = client.watch(session, first)
    assert died.status.state == types.TaskState.Failed
    assert text in died.status.events[-1].message
    if "exit" in text:
        assert "last words" in died.status.events[-1].message
    for each in rest:
        assert client.watch(session, each).status.state == types.TaskState.Succeed
    assert client.run(session)["pid"] != pid


def test_a_process_that_dies_while_it_has_nothing_to_do_is_replaced(client):
    session = client.open(client.register())
    pid = client.run(session)["pid"]
    os.kill(pid, 9)
    until(lambda: not client.executors(session))
    assert client.run(session)["pid"] != pid


def test_a_command_that_ends_at_once_is_told_and_given_up(client):
    session = client.open(client.register("--leave-at-once"))
    task = client.submit(session)
    status = until(lambda: (s := client.session(session).status).events[-1:] and s.events[-1].code == 1002 and s)
    assert [each.code for each in status.events] == [1001] * 5 + [1002]
    assert "failed to bind session" in status.events[0].message
    assert "exit code 1" in status.events[0].message
    assert "no such model: x" in status.events[0].message
    assert status.pending == 1
    assert status.state == types.SessionState.Open
    client.close(session)
    assert client.watch(session, task).status.state == types.TaskState.Cancelled


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ({"command": "/no/such/program"}, "/no/such/program"),
        ({"installer": "docker"}, "unknown installer 'docker'"),
        ({"installer": "binary", "url": "file:///no/such.tar.gz"}, "cannot fetch the package"),
        ({"installer": "binary", "url": "ftp://host/x.tar.gz"}, "packages come by"),
    ],
)
def test_what_cannot_be_started_says_why(client, spec, text):
    session = client.open(client.register(**spec), min_instances=1)
    status = until(lambda: (s := client.session(session).status).events and s)
    assert status.events[0].code == 1001
    assert text in status.events[0].message


def test_a_wasm_application_s_tasks_wait(client):
    session = client.open(client.register(shim=types.Shim.Wasm))
    client.submit(session)
    other = client.open(client.register())
    client.run(other)
    assert client.session(session).status.pending == 1
    assert not client.executors(session)


def test_a_session_gets_as_many_executors_as_it_may(client):
    session = client.open(client.register(), max_instances=3)
    tasks = [client.submit(session, do="sleep", seconds=0.3) for _ in range(12)]
    until(lambda: len(client.executors(session)) == 3)
    for each in tasks:
        client.watch(session, each)
        assert len(client.executors(session)) <= 3


def test_min_instances_start_without_a_task_and_stay(client):
    session = client.open(client.register(delay_release=0), min_instances=2)
    until(lambda: len(client.executors(session)) == 2)
    client.run(session)
    assert len(client.executors(session)) == 2


def test_an_executor_without_a_task_leaves_after_its_delay(client):
    session = client.open(client.register(delay_release=0))
    pid = client.run(session)["pid"]
    until(lambda: is_gone(pid))
    assert client.session(session).status.state == types.SessionState.Open


def test_a_session_with_a_running_task_is_not_closed(client):
    session = client.open(client.register())
    task = client.submit(session, do="sleep", seconds=1)
    until(lambda: client.session(session).status.running == 1)
    with pytest.raises(grpc.RpcError) as caught:
        client.close(session)
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert caught.value.details() == "Cannot close session with running tasks"
    client.watch(session, task)
    assert client.close(session).status.state == types.SessionState.Closed
    assert client.close(session).status.state == types.SessionState.Closed


def test_an_output_that_no_client_can_take_fails_its_task(client):
    session = client.open(client.register())
    assert "too large to send" in client.failure(session, do="big", size=5_000_000)
    task = client.watch(session, client.submit(session, do="big", size=4_000_000))
    assert len(task.spec.output) == 4_000_000


def test_input_and_output_that_are_too_much_together_still_arrive(client):
    session = client.open(client.register())
    payload = b'{"do": "big", "size": 3000000, "fill": "' + b"x" * 3_000_000 + b'"}'
    task = client.watch(session, client.submit(session, payload))
    assert len(task.spec.output) == 3_000_000
    assert not task.spec.HasField("input")


def test_an_input_over_four_mebibytes_is_refused(client):
    session = client.open(client.register())
    with pytest.raises(grpc.RpcError) as caught:
        client.submit(session, b"x" * (4 * 1024 * 1024))
    assert caught.value.code() in {grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.OUT_OF_RANGE}


def test_a_closed_session_s_pending_tasks_are_cancelled(client):
    session = client.open(client.register(shim=types.Shim.Wasm))
    tasks = [client.submit(session) for _ in range(3)]
    closed = client.close(session)
    assert (closed.status.pending, closed.status.cancelled) == (0, 3)
    for each in tasks:
        assert client.watch(session, each).status.state == types.TaskState.Cancelled


def test_the_lists(client):
    session = client.open(client.register())
    client.run(session)
    (executor,) = client.executors(session)
    assert executor.status.state == types.ExecutorState.ExecutorBound
    node = frontend.LIST_NODES.on(client.channel)(asked.ListNodesRequest()).nodes[0]
    assert executor.spec.node == node.metadata.name == node.spec.hostname
    assert node.status.state == types.NodeState.Ready
    assert node.status.capacity.cpu == 8
    assert node.status.allocatable.cpu <= 7
    again = frontend.GET_NODE.on(client.channel)(asked.GetNodeRequest(name=node.metadata.name)).node
    assert again.metadata == node.metadata
    sessions = frontend.LIST_SESSION.on(client.channel)(asked.ListSessionRequest()).sessions
    assert session in {each.metadata.id for each in sessions}


def test_a_session_of_higher_priority_comes_first(tmp_path):
    notes = tmp_path / "notes"
    server = ServerProcess(tmp_path / "data", resources="cpu=1,mem=4g").start()
    with server, grpc.insecure_channel(server.target) as channel:
        client = Client(channel)
        name = client.register()
        blocking = client.open(name)
        task = client.submit(blocking, do="sleep", seconds=1)
        until(lambda: client.session(blocking).status.running)
        low = client.open(name, priority=1)
        high = client.open(name, priority=5)
        waiting = [(low, client.submit(low, do="note", file=str(notes), text="low"))]
        waiting += [(high, client.submit(high, do="note", file=str(notes), text="high")) for _ in range(3)]
        for session, number in [(blocking, task), *waiting]:
            client.watch(session, number)
    assert notes.read_text().split() == ["high", "high", "high", "low"]


def test_an_executor_that_rests_makes_room_for_others(tmp_path):
    server = ServerProcess(tmp_path / "data", resources="cpu=1,mem=4g").start()
    with server, grpc.insecure_channel(server.target) as channel:
        client = Client(channel)
        name = client.register()
        sessions = [client.open(name) for _ in range(3)]
        pids = [client.run(session)["pid"] for session in sessions]
        assert len(set(pids)) == 3, "each had to wait for the one before, which would have stayed for a minute"
