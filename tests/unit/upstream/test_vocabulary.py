"""Upstream's values and the rules of its requests."""

from __future__ import annotations

import pickle

import pytest

from flamepy.upstream.decoding import ErrorType, RunnerError, get_data
from flamepy.upstream.requests import RunnerContext, RunnerRequest, SessionContext
from flamepy.upstream.vocabulary import FlameError, FlameErrorCode, ResourceRequirement, Task, TaskState, short_name


class Thing:
    def method(self):
        return 1


@pytest.mark.parametrize(
    ("obj", "settings", "expected"),
    [
        (len, {}, (False, True, 0, None)),
        (len, {"warmup": 3}, (False, True, 3, None)),
        (len, {"autoscale": False}, (False, False, 1, 1)),
        (len, {"autoscale": False, "warmup": 3}, (False, False, 3, 3)),
        (Thing, {}, (False, True, 0, None)),
        (Thing(), {}, (True, False, 1, 1)),
        (Thing(), {"autoscale": False, "warmup": 1}, (True, False, 1, 1)),
    ],
)
def test_instances_follow_from_the_object(obj, settings, expected):
    context = RunnerContext(obj, **settings)
    assert (context.stateful, context.autoscale, context.min_instances, context.max_instances) == expected


@pytest.mark.parametrize(
    ("obj", "settings", "message"),
    [
        (Thing(), {"autoscale": True}, "always fixed"),
        (Thing(), {"warmup": 2}, "only support warmup=0 or warmup=1"),
        (Thing(), {"stateful": False}, "always stateful"),
        (len, {"stateful": True}, "always stateless"),
        (len, {"warmup": -1}, "non-negative"),
    ],
)
def test_settings_that_do_not_fit(obj, settings, message):
    with pytest.raises(ValueError, match=message):
        RunnerContext(obj, **settings)


@pytest.mark.parametrize("fields", [{"method": 1}, {"args": "x"}, {"kwargs": [1]}])
def test_requests_are_checked(fields):
    with pytest.raises(ValueError, match="must be"):
        RunnerRequest(**fields)


@pytest.mark.parametrize("fields", [{"session_id": ""}, {"session_id": "x" * 129}, {"application_name": 1}])
def test_session_contexts_are_checked(fields):
    with pytest.raises(ValueError, match="must be"):
        SessionContext(**fields)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cpu=1,mem=2g,gpu=0", (1, 2 << 30, 0)),
        ("memory=512", (0, 512, 0)),
        ("mem=1KiB, cpu=2", (2, 1024, 0)),
        ("MEM=3mb", (0, 3 << 20, 0)),
    ],
)
def test_resources_are_read(text, expected):
    found = ResourceRequirement.from_string(text)
    assert (found.cpu, found.memory, found.gpu) == expected


@pytest.mark.parametrize("text", ["", "cpu", "cpu=", "disk=1", "cpu=1,,gpu=1", "cpu=x"])
def test_other_resources_are_refused(text):
    with pytest.raises(ValueError, match=r".+"):
        ResourceRequirement.from_string(text)


def test_the_error_says_its_code():
    error = FlameError(FlameErrorCode.NOT_FOUND, "no such session")
    assert str(error) == "no such session (code: 5)"
    again = pickle.loads(pickle.dumps(error))
    assert (again.code, again.message, str(again)) == (error.code, error.message, str(error))


def test_states_that_are_ends():
    ended = {state.name for state in TaskState if Task("1", "s", state, None).is_completed()}
    assert ended == {"SUCCEED", "FAILED", "CANCELLED"}
    assert not Task("1", "s", TaskState.SUCCEED, None).is_failed()


def test_short_names_differ():
    assert len({short_name("x") for _ in range(100)}) == 100
    assert len(short_name("x", 4)) == 6


def test_get_data_reads_requests_and_results():
    assert get_data(pickle.dumps(RunnerRequest("m", (1, [2]), {"k": b"v"}))) == {
        "type": "input",
        "method": "m",
        "args": (1, [2]),
        "kwargs": {"k": b"v"},
        "metadata": {},
    }
    assert get_data(pickle.dumps({"a": 1})) == {"type": "output", "result": {"a": 1}, "metadata": {}}


@pytest.mark.parametrize("data", [b"", b"\x80", b"\x80\x05junk", b"text"])
def test_get_data_refuses_other_bytes(data):
    with pytest.raises(RunnerError, match=r"^\[decode_error\]") as caught:
        get_data(data)
    assert caught.value.error_type is ErrorType.DECODE_ERROR
