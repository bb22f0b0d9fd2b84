"""Upstream's core client: applications, a session of its own service, a thousand tasks, errors."""

import sys
from concurrent.futures import wait
from pathlib import Path

import flamepy
from flamepy import FlameError, FlameErrorCode, SessionAttributes
from flamepy.core import ApplicationAttributes, ApplicationSchema

SERVICE = Path(__file__).with_name("echo_service.py")


def refused(call, *arguments):
    try:
        call(*arguments)
    except FlameError as error:
        return error
    raise AssertionError(f"{call} did not fail")


def applications():
    assert {"flmexec", "flmping", "flmrun"} <= {each.name for each in flamepy.list_applications()}
    flamepy.register_application("plain", {"command": "/bin/true", "labels": ["a", "b"], "description": "d"})
    plain = flamepy.get_application("plain")
    assert (plain.attributes.command if hasattr(plain, "attributes") else plain.command) == "/bin/true"
    assert plain.url is None
    refused(flamepy.register_application, "plain", {"command": "/bin/false"})
    schema = ApplicationSchema(input='{"type": "string"}')
    flamepy.register_application("schemed", ApplicationAttributes(command="x", schema=schema))
    bad = ApplicationAttributes(command="x", schema=ApplicationSchema(input='{"type": "nonsense"}'))
    refused(flamepy.register_application, "bad", bad)
    for name in ("plain", "schemed"):
        flamepy.unregister_application(name)
        assert flamepy.get_application(name) is None
    refused(flamepy.unregister_application, "plain")


def echo_session():
    environment = {"PYTHONPATH": ""}
    attributes = ApplicationAttributes(command=sys.executable, arguments=[str(SERVICE)], environments=environment)
    flamepy.register_application("echo", attributes)
    return flamepy.create_session("echo", common_data=b"common", max_instances=2)


def tasks(session):
    assert session.invoke(b"one") == b"common:one:1"
    futures = [session.run(str(number).encode()) for number in range(1000)]
    wait(futures)
    answers = {future.result().split(b":")[1] for future in futures}
    assert answers == {str(number).encode() for number in range(1000)}
    assert session.invoke(b"nothing") is None
    error = refused(session.invoke, b"fail")
    assert "as it was told" in str(error), error
    task = session.create_task(b"watched")
    states = [each.state for each in session.watch_task(task.id)]
    assert states[-1] == flamepy.TaskState.SUCCEED
    done = session.get_task(task.id)
    assert done.output.startswith(b"common:watched:"), done
    assert [event.code for event in done.events] == [0, 1, 2]
    listed = list(session.list_tasks())
    assert len(listed) == 1004
    assert session.id in {each.id for each in flamepy.list_sessions()}
    seen = flamepy.get_session(session.id)
    assert (seen.succeed, seen.failed, seen.pending) == (1003, 1, 0)
    assert seen.common_data() == b"common"
    session.close()
    session.close()
    assert flamepy.get_session(session.id).state == flamepy.SessionState.CLOSED
    refused(session.create_task, b"late")
    flamepy.unregister_application("echo")


def opening():
    assert len(flamepy.list_executors()) >= 1
    assert len(flamepy.list_nodes()) == 1
    first = flamepy.open_session("kept", SessionAttributes(application="flmping", min_instances=0, max_instances=2))
    assert flamepy.open_session("kept").id == first.id
    again = SessionAttributes(application="flmping", min_instances=0, max_instances=3)
    error = refused(flamepy.open_session, "kept", again)
    assert "spec mismatch: max_instances differs" in str(error)
    assert error.code == FlameErrorCode.INVALID_ARGUMENT
    error = refused(flamepy.open_session, "nobody")
    assert "not found" in str(error)
    assert error.code == FlameErrorCode.NOT_FOUND
    flamepy.close_session("kept")
    error = refused(flamepy.open_session, "kept")
    assert "not open" in str(error)
    refused(flamepy.create_session, "no-such-application")


applications()
tasks(echo_session())
opening()
print("done")
