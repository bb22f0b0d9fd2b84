"""Exceptions of tasks: raised at their own get(), as their own type, with what a person needs to find the cause."""

from __future__ import annotations

import logging
import sys
import time

import pytest
from workshop import classes, failing, functions

import flamepy
from flamepy import RemoteTraceback, SerializationError, TaskError


def error_of(runner, function, *args):
    error = runner.service(function)(*args).exception(timeout=30)
    assert error is not None
    return error


# ---- type and message


def test_a_builtin_exception(runner):
    with pytest.raises(ValueError, match=r"^broken\b") as caught:
        runner.service(failing.fail)().get()
    assert type(caught.value) is ValueError
    assert caught.value.args == ("broken",)


def test_an_exception_of_the_project(runner):
    with pytest.raises(failing.OutOfStock, match="nothing left"):
        runner.service(failing.fail_deep)("nothing left").get()


def test_an_os_error_keeps_its_facts(runner):
    error = error_of(runner, failing.fail_with_os_error)
    assert isinstance(error, FileNotFoundError)
    assert error.filename == "/no/such/folder/file"


def test_each_get_raises_the_same(runner):
    expr = runner.service(failing.fail)()
    errors = []
    for _ in range(3):
        with pytest.raises(ValueError, match="broken") as caught:
            expr.get()
        errors.append(caught.value)
    assert errors[0] is errors[1] is errors[2]
    assert expr.exception() is errors[0]
    assert len(getattr(errors[0], "__notes__", [])) == 1


def test_a_failed_task_leaves_the_service_usable(runner):
    counter = runner.service(classes.Counter)
    counter.add(1)
    broken = counter.add("x")
    counter.add(2)
    assert counter.get_counter().get() == 3
    assert isinstance(broken.exception(), TypeError)


# ---- traceback, cause, notes, call site


def test_the_remote_traceback_has_the_users_frames_only(runner):
    error = error_of(runner, failing.fail_deep, "deep")
    assert isinstance(error.__cause__, RemoteTraceback)
    text = str(error.__cause__)
    assert "in fail_deep" in text
    assert "in inner" in text
    assert "failing.py" in text
    assert "OutOfStock: deep" in text
    assert "flamepy/runtime" not in text
    assert "flamepy/serialization" not in text


def test_the_call_site_is_named(runner):
    fail = runner.service(failing.fail)
    line = sys._getframe().f_lineno + 1
    error = fail().exception()
    assert f"{__file__}:{line} in test_the_call_site_is_named" in "".join(error.__notes__)


def test_the_call_site_of_a_method_and_of_map(runner):
    counter, fail = runner.service(classes.Counter), runner.service(failing.fail)
    line = sys._getframe().f_lineno + 1
    errors = [counter.add("x").exception(), fail.map(["a", "b"])[1].exception()]
    for error in errors:
        assert f"{__file__}:{line}" in "".join(error.__notes__)


def test_notes_travel(runner):
    error = error_of(runner, failing.fail_with_notes)
    assert "look under the carpet" in error.__notes__


def test_the_cause_is_in_the_traceback(runner):
    error = error_of(runner, failing.fail_from)
    assert type(error) is failing.OutOfStock
    text = str(error.__cause__)
    assert "KeyError: 'missing'" in text
    assert "direct cause" in text


# ---- exceptions of every kind


@pytest.mark.skipif(sys.version_info < (3, 11), reason="exception groups are new in 3.11")
def test_an_exception_group(runner):
    with pytest.raises(ExceptionGroup) as caught:  # noqa: F821
        runner.service(failing.fail_group)().get()
    one, two, inner = caught.value.exceptions
    assert type(one) is ValueError
    assert type(two) is failing.OutOfStock
    assert type(inner.exceptions[0]) is KeyError
    assert "several" in str(caught.value)


def test_an_exception_that_cannot_be_pickled(runner):
    error = error_of(runner, failing.fail_locked)
    assert type(error) is TaskError
    assert error.type_name == "workshop.failing.Locked"
    assert "it has a lock" in str(error)
    assert "fail_locked" in str(error.__cause__)


def test_an_exception_that_cannot_be_rebuilt(runner):
    error = error_of(runner, failing.fail_picky)
    assert type(error) is TaskError
    assert error.type_name == "workshop.failing.Picky"
    assert "code 7: never on Mondays" in str(error)


def test_an_exception_that_cannot_be_printed(runner):
    error = error_of(runner, failing.fail_unprintable)
    assert isinstance(error, failing.Unprintable | TaskError)
    assert isinstance(error.__cause__, RemoteTraceback)


def test_an_exception_of_a_local_class(runner):
    error = error_of(runner, failing.fail_local)
    assert "local class" in str(error)
    assert "Hidden" in getattr(error, "type_name", type(error).__name__)


@pytest.mark.parametrize(
    ("function", "kind"),
    [(failing.leave, SystemExit), (failing.interrupt, KeyboardInterrupt), (failing.stop_iteration, StopIteration)],
    ids=["SystemExit", "KeyboardInterrupt", "StopIteration"],
)
def test_exceptions_that_mean_something_to_python(runner, function, kind):
    service = runner.service(function)
    expr = service()
    error = expr.exception(timeout=30)
    assert type(error) is kind
    with pytest.raises(kind):
        expr.get()
    assert type(service().exception(timeout=30)) is kind


def test_the_executor_survives_sys_exit(runner):
    class Room:
        def __init__(self):
            self.visits = 0

        def leave(self):
            self.visits += 1
            sys.exit(3)

        def count(self):
            return self.visits

    room = runner.service(Room)
    assert room.leave().exception().code == 3
    assert room.count().get() == 1


# ---- what cannot travel back


def test_a_result_that_cannot_be_pickled(runner):
    error = error_of(runner, failing.give_lock)
    assert isinstance(error, SerializationError)
    assert "lock" in str(error)


def test_a_result_that_cannot_be_pickled_inside(runner):
    error = error_of(runner, lambda: {"state": [1, __import__("threading").Lock()]})
    assert isinstance(error, SerializationError)
    assert "['state'][1]" in str(error)


def test_a_result_that_cannot_be_rebuilt_here(runner):
    class Bomb:
        def __reduce__(self):
            return exec, ("raise RuntimeError('it went off')",)

    expr = runner.service(lambda: Bomb())()
    with pytest.raises((RuntimeError, SerializationError), match="it went off"):
        expr.get(timeout=30)
    assert runner.service(functions.add)(1, 2).get() == 3


def test_an_argument_that_cannot_be_rebuilt_there(runner):
    class Bomb:
        def __reduce__(self):
            return exec, ("raise RuntimeError('it went off')",)

    identity = runner.service(functions.kind_of)
    error = identity(Bomb()).exception(timeout=30)
    assert "it went off" in str(error)
    assert identity(1).get() == "builtins.int"


# ---- errors nobody looks at


def test_an_unseen_error_is_logged_once_when_its_expr_goes(runner, caplog):
    expr = runner.service(failing.fail)("unseen")
    expr.wait()
    del expr
    deadline = time.monotonic() + 20
    while "unseen" not in caplog.text:  # whoever read the answer may hold the result for a moment
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert caplog.text.count("unseen") == 1
    assert "fail" in caplog.text


def test_an_unseen_error_is_logged_once_when_the_runner_exits(make_runner, caplog):
    with make_runner() as runner:
        kept = runner.service(failing.fail)("unseen")
    assert caplog.text.count("unseen") == 1
    with pytest.raises(ValueError, match="unseen"):
        kept.get()
    del kept
    assert caplog.text.count("unseen") == 1


def test_an_error_of_a_dropped_call_is_logged(make_runner, caplog):
    with make_runner() as runner:
        runner.service(failing.fail)("dropped")
    assert caplog.text.count("dropped") == 1


@pytest.mark.parametrize("look", ["get", "exception", "gather", "await"])
def test_a_seen_error_is_not_logged(make_runner, caplog, look):
    import asyncio

    async def gather(expr):
        await flamepy.gather(expr, return_exceptions=True)

    async def wait(expr):
        with pytest.raises(ValueError, match="seen"):
            await expr

    with make_runner() as runner:
        expr = runner.service(failing.fail)("seen")
        if look == "get":
            with pytest.raises(ValueError, match="seen"):
                expr.get()
        elif look == "exception":
            assert expr.exception() is not None
        else:
            asyncio.run((gather if look == "gather" else wait)(expr))
        del expr
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_errors_are_flame_errors_where_they_are_ours():
    for name in flamepy.__all__:
        kind = getattr(flamepy, name)
        if isinstance(kind, type) and issubclass(kind, Exception) and kind is not RemoteTraceback:
            assert issubclass(kind, flamepy.FlameError)
            assert str(kind("what happened")) == "what happened"
            assert "what happened" in repr(kind("what happened"))
