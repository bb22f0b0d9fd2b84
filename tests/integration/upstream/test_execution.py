"""``python -m flamepy.runner.runpy`` and other services, asked over their sockets as a cluster asks them."""

from __future__ import annotations

import os
import subprocess
import sys

import grpc
import pytest

from flamepy.runner import RunnerContext, RunnerRequest, get_data
from flamepy.serialization import plain
from flamepy.server.objects import CacheSettings, ObjectCache
from flamepy.upstream.objects import ObjectRef, get_object, put_object
from flamepy.wire import instance
from flamepy.wire.proto import instance_pb2, types_pb2


@pytest.fixture
def cache(monkeypatch):
    with ObjectCache(CacheSettings("grpc://127.0.0.1:0")) as started:
        monkeypatch.setenv("FLAME_CACHE_ENDPOINT", started.endpoint)
        monkeypatch.setattr("flamepy.upstream.caches._caches._default", None)
        yield started


class Process:
    """A service's process, and the calls of it."""

    def __init__(self, command, socket, cache):
        variables = {"FLAME_INSTANCE_ENDPOINT": str(socket), "FLAME_CACHE_ENDPOINT": cache.endpoint}
        self.process = subprocess.Popen(command, env=os.environ | variables, stderr=subprocess.PIPE, text=True)
        self.channel = grpc.insecure_channel(f"unix:{socket}")

    def call(self, method, message):
        return method.on(self.channel)(message, wait_for_ready=True, timeout=20)

    def enter(self, common_data=None):
        application = instance_pb2.ApplicationContext(name="app")
        return self.call(
            instance.ON_SESSION_ENTER,
            instance_pb2.SessionContext(session_id="s", application=application, common_data=common_data),
        )

    def invoke(self, data):
        return self.call(instance.ON_TASK_INVOKE, instance_pb2.TaskContext(task_id="1", session_id="s", input=data))

    def request(self, method, *args, **kwargs):
        return self.invoke(plain.dumps(RunnerRequest(method, args or None, kwargs or None)))

    def leave(self):
        return self.call(instance.ON_SESSION_LEAVE, types_pb2.EmptyRequest())

    def end(self):
        self.channel.close()
        self.process.terminate()
        self.process.communicate()


@pytest.fixture
def start(tmp_path, cache):
    started = []

    def starter(*command):
        started.append(Process([sys.executable, *command], tmp_path / f"{len(started)}.sock", cache))
        return started[-1]

    yield starter
    for process in started:
        process.end()


RUNPY = ("-m", "flamepy.runner.runpy")


def common(obj):
    return put_object("app/s", plain.dumps(RunnerContext(obj))).encode()


def value(result):
    assert result.return_code == 0, result.message
    return get_object(ObjectRef.decode(result.output))


def add(a, b=0):
    return a + b


class Counter:
    def __init__(self, start=0):
        self.value = start

    def add(self, amount):
        self.value += amount
        return self.value


# Pickled by value: the service's process does not have this module.
for each in (add, Counter):
    each.__module__ = "__main__"


def test_a_function(start):
    process = start(*RUNPY)
    assert process.enter(common(add)).return_code == 0
    assert value(process.request(None, 1, b=2)) == 3
    ref = put_object("app/shared", 40)
    assert value(process.request(None, ref, b=ref.encode())) == 80
    assert value(process.request(None, [ref], b=[])) == [ref]
    result = process.request(None, 1, b="x")
    assert result.return_code == -1
    assert "unsupported operand" in result.message
    assert get_data(process.request(None, 1).output)["result"] == 1
    assert process.leave().return_code == 0


def test_a_class_is_made_once_and_an_instance_goes_on_where_another_process_ended(start):
    process = start(*RUNPY)
    process.enter(common(Counter))
    assert [value(process.request("add", 2)) for _ in range(2)] == [2, 4]
    data = common(Counter(10))
    first, second = start(*RUNPY), start(*RUNPY)
    for each in (first, second):
        assert each.enter(data).return_code == 0
    assert [value(each.request("add", 1)) for each in (first, second, first)] == [11, 12, 13]
    assert plain.loads(get_object(ObjectRef.decode(data))).execution_object.value == 13


@pytest.mark.parametrize(
    ("common_data", "message"),
    [
        (lambda: None, "no common data"),
        (lambda: b"junk", "BSON"),
        (lambda: put_object("app/s", plain.dumps({"a": 1})).encode(), "refers to no object"),
        (lambda: ObjectRef(os.environ["FLAME_CACHE_ENDPOINT"], "app/s/none").encode(), "Object not found"),
    ],
)
def test_a_session_of_somebody_else_is_refused(start, common_data, message):
    result = start(*RUNPY).enter(common_data())
    assert result.return_code == -1
    assert message in result.message


def test_what_is_no_request_fails_the_task(start):
    process = start(*RUNPY)
    process.enter(common(Counter(1)))
    for data, message in (
        (b"junk", ""),
        (plain.dumps([1]), "no request"),
        (plain.dumps(RunnerRequest("none")), "no method 'none'"),
        (plain.dumps(RunnerRequest("value")), "no method 'value'"),
        (plain.dumps(RunnerRequest()), "cannot be called"),
    ):
        result = process.invoke(data)
        assert result.return_code == -1
        assert message in result.message
    assert value(process.request("add", 1)) == 2


ASYNC = """
from flamepy.service import FlameInstance
instance = FlameInstance()
@instance.entrypoint
async def double(number):
    return number * 2
instance.run()
"""


def test_an_entrypoint_may_be_a_coroutine(start):
    process = start("-c", ASYNC)
    assert process.enter().return_code == 0
    assert plain.loads(process.invoke(plain.dumps(4)).output) == 8


def test_without_a_socket_a_service_says_who_starts_it():
    env = {name: text for name, text in os.environ.items() if name != "FLAME_INSTANCE_ENDPOINT"}
    done = subprocess.run([sys.executable, *RUNPY], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "FLAME_INSTANCE_ENDPOINT is not set" in done.stderr
