"""Sessions and tasks of a real server, over gRPC."""

from __future__ import annotations

import json

import grpc
import pytest

from flamepy.wire import frontend
from flamepy.wire.proto import frontend_pb2 as asked
from flamepy.wire.proto import types_pb2 as types

PING = json.dumps({"duration": None, "memory": None}).encode()
DONE = (types.TaskState.Succeed, types.TaskState.Failed, types.TaskState.Cancelled)


def create(channel, session, payload=PING):
    spec = types.TaskSpec(session_id=session)
    if payload is not None:
        spec.input = payload
    return frontend.CREATE_TASK.on(channel)(asked.CreateTaskRequest(task=spec))


def watch(channel, session, task) -> list[types.Task]:
    return list(frontend.WATCH_TASK.on(channel)(asked.WatchTaskRequest(session_id=session, task_id=task), timeout=30))


def test_a_task_runs_and_is_watched(channel, new_session):
    session = new_session()
    made = create(channel, session)
    assert (made.metadata.id, made.metadata.name) == ("1", "1")
    assert made.status.state == types.TaskState.Pending
    assert made.status.creation_time > 1e12
    seen = watch(channel, session, "1")
    last = seen[-1]
    assert [each.status.state for each in seen] in ([1, 2], [2])
    assert json.loads(last.spec.output)["message"].startswith("Completed on <")
    assert last.spec.input == PING
    assert [each.code for each in last.status.events] == [0, 1, 2]
    assert last.status.completion_time >= last.status.creation_time


def test_many_tasks_end_and_are_counted(channel, new_session):
    session = new_session()
    numbers = [create(channel, session).metadata.id for _ in range(100)]
    assert numbers == [str(number) for number in range(1, 101)]
    for number in numbers:
        assert watch(channel, session, number)[-1].status.state == types.TaskState.Succeed
    status = frontend.GET_SESSION.on(channel)(asked.GetSessionRequest(session_id=session)).status
    assert (status.pending, status.running, status.succeed, status.failed) == (0, 0, 100, 0)
    listed = list(frontend.LIST_TASK.on(channel)(asked.ListTaskRequest(session_id=session)))
    assert sorted(int(each.metadata.id) for each in listed) == list(range(1, 101))
    closed = frontend.CLOSE_SESSION.on(channel)(asked.CloseSessionRequest(session_id=session))
    assert closed.status.state == types.SessionState.Closed
    assert closed.status.HasField("completion_time")


def test_a_failed_task_says_why(channel, new_session):
    session = new_session()
    create(channel, session, b"[]")
    last = watch(channel, session, "1")[-1]
    assert last.status.state == types.TaskState.Failed
    assert "must be an object" in last.status.events[-1].message
    assert last.status.events[-1].code == 3
    assert not last.spec.HasField("output")


def test_the_built_in_applications(channel):
    listed = frontend.LIST_APPLICATION.on(channel)(asked.ListApplicationRequest()).applications
    assert {"flmexec", "flmping", "flmrun"} <= {each.metadata.name for each in listed}
    for each in (each for each in listed if each.metadata.name.startswith("flm")):
        assert each.spec.max_instances == 1_000_000
        assert each.spec.delay_release == 60


def test_flmexec_runs_scripts(channel, new_session):
    session = new_session("flmexec")
    script = {"language": "shell", "code": "cat; echo $((6*7))", "input": list(b"hi ")}
    create(channel, session, json.dumps(script).encode())
    last = watch(channel, session, "1")[-1]
    assert bytes(json.loads(last.spec.output)["data"]) == b"hi 42\n"


@pytest.mark.parametrize("task", ["77", "0", "-1"])
def test_an_unknown_task_is_not_found(channel, new_session, task):
    session = new_session()
    with pytest.raises(grpc.RpcError) as caught:
        watch(channel, session, task)
    assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.NOT_FOUND, task)


def test_flmexec_runs_python(channel, new_session):
    session = new_session("flmexec")
    script = {"language": "python", "code": "import sys; print(sys.stdin.read().upper())", "input": list(b"hi")}
    create(channel, session, json.dumps(script).encode())
    last = watch(channel, session, "1")[-1]
    assert last.status.state == types.TaskState.Succeed, last.status.events[-1].message
    assert bytes(json.loads(last.spec.output)["data"]) == b"HI\n"


@pytest.mark.parametrize(
    ("script", "text"),
    [
        ({"language": "perl", "code": "1"}, "unknown language 'perl'"),
        ({"language": "shell", "runtime": "/tmp/evil", "code": "1"}, "unknown shell"),
        ({"language": "shell"}, "must be an object with 'language' and 'code'"),
    ],
)
def test_flmexec_says_what_it_cannot_run(channel, new_session, script, text):
    session = new_session("flmexec")
    create(channel, session, json.dumps(script).encode())
    assert text in watch(channel, session, "1")[-1].status.events[-1].message


def test_a_script_that_reads_without_input_ends(channel, new_session):
    session = new_session("flmexec")
    create(channel, session, json.dumps({"language": "shell", "code": "cat; echo end"}).encode())
    last = watch(channel, session, "1")[-1]
    assert bytes(json.loads(last.spec.output)["data"]) == b"end\n"
