"""Use every call of the core client with the service ``echo``: counting_client.py PYTHON PYTHONPATH."""

import sys
from concurrent.futures import wait
from pathlib import Path

import flamepy
from flamepy import (
    ApplicationAttributes,
    ApplicationSchema,
    FlameError,
    ResourceRequirement,
    SessionAttributes,
    SessionState,
    Shim,
    TaskState,
)
from flamepy.core import FlameErrorCode, get_application
from flamepy.util import short_name

TINY = ResourceRequirement(cpu=1, memory=64 << 20)


def failure(call):
    try:
        call()
    except FlameError as error:
        return error
    raise AssertionError("no error")


def applications():
    flamepy.register_application(
        "echo",
        ApplicationAttributes(
            shim=Shim.HOST,
            description="echoes",
            labels=["interop"],
            command=sys.argv[1],
            arguments=[str(Path(__file__).with_name("counting_service.py"))],
            environments={"PYTHONPATH": sys.argv[2]},
            delay_release=1,
            schema=ApplicationSchema(input='{"type": "string"}'),
        ),
    )
    flamepy.register_application("echo-2", {"command": "true", "arguments": ["x"]})
    names = {each.name for each in flamepy.list_applications()}
    assert names == {"echo", "echo-2", "flmexec", "flmping", "flmrun"}, names
    found = get_application("echo")
    assert (found.shim, found.labels, found.delay_release, found.url) == (Shim.HOST, ["interop"], 1, None), found
    assert found.schema.input == '{"type": "string"}'
    assert found.environments == {"PYTHONPATH": sys.argv[2]}
    assert "already" in str(failure(lambda: flamepy.register_application("echo", {"command": "true"})))
    flamepy.unregister_application("echo-2")
    assert get_application("echo-2") is None


def sessions():
    name = short_name("echo")
    session = flamepy.create_session("echo", b"> ", session_id=name, resreq=TINY)
    assert (session.id, session.state, session.common_data()) == (name, SessionState.OPEN, b"> ")
    assert session.invoke(b"hello") == b"> hello"
    assert session.invoke(b"nothing") is None
    futures = [session.run(b"%d" % number) for number in range(100)]
    assert not wait(futures, 30).not_done
    assert [future.result() for future in futures] == [b"> %d" % number for number in range(100)]
    task = session.create_task(b"watched")
    states = [each.state for each in session.watch_task(task.id)]
    assert states[-1] == TaskState.SUCCEED, states
    task = session.get_task(task.id)
    assert (task.output, task.input, task.is_completed(), task.is_failed()) == (b"> watched", b"watched", True, False)
    failed = session.create_task(b"fail")
    assert [each.state for each in session.watch_task(failed.id)][-1] == TaskState.FAILED
    assert any("asked to fail" in event.message for event in session.get_task(failed.id).events)
    assert "asked to fail" in str(failure(lambda: session.invoke(b"fail")))
    assert len(list(session.list_tasks())) == 105
    seen = flamepy.get_session(name)
    assert (seen.succeed, seen.failed, seen.application) == (103, 2, "echo"), vars(seen)
    assert name in {each.id for each in flamepy.list_sessions()}
    assert flamepy.open_session(name).id == name
    mismatch = SessionAttributes("echo", min_instances=3, resreq=TINY)
    assert failure(lambda: flamepy.open_session(name, mismatch)).code == FlameErrorCode.INVALID_ARGUMENT
    assert failure(lambda: flamepy.open_session("nobody")).code == FlameErrorCode.NOT_FOUND
    assert failure(lambda: session.create_task("text")).code == FlameErrorCode.INVALID_ARGUMENT
    session.close()
    flamepy.close_session(name)
    assert flamepy.get_session(name).state == SessionState.CLOSED
    failure(lambda: session.create_task(b"late"))


def order():
    session = flamepy.open_session("echo-fifo", SessionAttributes("echo", max_instances=1, resreq=TINY))
    counts = [future.result() for future in [session.run(b"count") for _ in range(20)]]
    process = counts[0].split()[-1]
    assert counts == [b"%d of %s" % (number, process) for number in range(1, 21)], counts
    session.close()


def cluster():
    assert len(flamepy.list_nodes()) == 1
    flamepy.list_executors()


applications()
sessions()
order()
cluster()
flamepy.unregister_application("echo")
print("done")
