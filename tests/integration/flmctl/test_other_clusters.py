"""A Flame cluster that is not ours knows Flame's protocol and nothing else."""

from __future__ import annotations

import asyncio
import threading

import grpc
import grpc.aio
import pytest

from flamepy.wire import frontend, rpc
from flamepy.wire.proto import types_pb2 as types

pytestmark = pytest.mark.timeout(150)

ID = "flmrun-abc123"


def session(*, state=types.Open, running=1):
    return types.Session(
        metadata=types.Metadata(id=ID, name=ID),
        spec=types.SessionSpec(application="flmrun", resreq=types.ResourceRequirement(cpu=2, memory=3 << 30)),
        status=types.SessionStatus(
            state=state, creation_time=1000, running=running, failed=1,
            events=[types.Event(code=1001, message="failed to bind session", creation_time=2000)],
        ),
    )  # fmt: skip


def task(number, state):
    return types.Task(
        metadata=types.Metadata(id=number, name=number),
        spec=types.TaskSpec(session_id=ID, input=b"in"),
        status=types.TaskStatus(
            state=state, creation_time=1000, events=[types.Event(code=3, message="ValueError: no", creation_time=3000)]
        ),
    )


async def refuse_to_close(_, context):
    await context.abort(grpc.StatusCode.INTERNAL, "Cannot close session with running tasks")


def always(answer):
    async def behaviour(*_):
        return answer

    return behaviour


async def start():
    """Start the least of a session manager; returns it and its port."""
    tasks = {"1": task("1", types.Running), "2": task("2", types.Failed)}

    async def get_task(request, _):
        return tasks[request.task_id]

    async def list_tasks(*_):
        for each in tasks.values():
            yield each

    served = [
        frontend.LIST_SESSION.served(always(types.SessionList(sessions=[session()]))),
        frontend.GET_SESSION.served(always(session())),
        frontend.GET_TASK.served(get_task),
        frontend.LIST_TASK.served(list_tasks),
        frontend.CLOSE_SESSION.served(refuse_to_close),
    ]
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(rpc.handlers(served))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    return server, port


@pytest.fixture
def cluster():
    """A cluster on an event loop of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server, port = asyncio.run_coroutine_threadsafe(start(), loop).result(30)
    yield f"http://127.0.0.1:{port}"
    asyncio.run_coroutine_threadsafe(server.stop(None), loop).result(30)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture
def there(flmctl, cluster):
    return lambda *arguments, **more: flmctl(*arguments, FLAME_ENDPOINT=cluster, **more)


def test_what_it_shows(there):
    row = there("list", "-s").stdout.splitlines()[1]
    assert row.split()[:4] == [ID, "Open", "flmrun", "cpu=2,mem=3Gi,gpu=0"]
    assert [line.split()[0] for line in there("list", "-t").stdout.splitlines()] == ["ID", "1", "2"]
    assert "Events:\n  00:00:02.000: failed to bind session (1001)" in there("view", "-s", "flmrun").stdout
    assert "Message:        ValueError: no" in there("view", "-s", ID, "-t", "2").stdout


def test_what_it_cannot_do_is_said(there):
    assert "Flame's protocol has no way to say so" in there("cancel", ID, "1", code=1).stderr
    assert "Flame's protocol has no way to ask for it" in there("logs", ID, code=1).stderr
    assert "has a running task, and Flame closes no session under one" in there("close", ID, code=1).stderr
    assert "does not know this call" in there("list", "-a", code=1).stderr


def test_pings_need_its_application(flmping, cluster):
    assert "GetApplication" in flmping(code=1, FLAME_ENDPOINT=cluster).stderr
