"""A task's process ends in every way at every moment of a call's life: the right error, and nothing is left."""

from __future__ import annotations

import os

import pytest

import flamepy

DEADLY = ["exit", "segfault", "kill", "terminate"]
RAISING = {"raise": ValueError, "memory": MemoryError}
EXIT_OF = {"exit": (3, None), "segfault": (None, 11), "kill": (None, 9), "terminate": (None, 15)}
EVERY = [*DEADLY, *RAISING]


def check(error: BaseException, how: str, label: str = "") -> None:
    """The error is the one that belongs to the way of dying."""
    if how in RAISING:
        assert type(error) is RAISING[how], error
        return
    assert isinstance(error, flamepy.ExecutorDied), error
    assert (error.exitcode, error.signal) == EXIT_OF[how], error
    assert label in str(error)


@pytest.mark.parametrize("how", EVERY)
def test_running(scene, how):
    import victims

    with scene.runner() as runner:
        service = runner.service(victims.run, instances=1)
        check(service(how).exception(20), how, "run")
        assert service("nothing").get(20) is None


@pytest.mark.parametrize("how", EVERY)
def test_importing_the_module(scene, monkeypatch, how):
    monkeypatch.setenv("VICTIM_CLIENT", str(os.getpid()))
    monkeypatch.setenv("VICTIM_HOW", how)
    import dies_when_imported

    with scene.runner() as runner:
        service = runner.service(dies_when_imported.ping)
        error = service().exception(20)
        assert isinstance(error, flamepy.ServiceFailed), error
        if how in RAISING:
            assert type(error.__cause__) is RAISING[how]
        else:
            assert str(EXIT_OF[how][0] or EXIT_OF[how][1]) in str(error)
        with pytest.raises(flamepy.ServiceFailed):
            service().get(20)


@pytest.mark.parametrize("how", EVERY)
def test_creating_the_instance(scene, monkeypatch, how):
    monkeypatch.setenv("VICTIM_HOW", how)
    import victims

    with scene.runner() as runner:
        error = runner.service(victims.DiesWhenMade).ping().exception(20)
        assert isinstance(error, flamepy.ServiceFailed), error
        assert how not in RAISING or type(error.__cause__) is RAISING[how]
        assert runner.service(victims.echo)(1).get(20) == 1


@pytest.mark.parametrize("how", EVERY)
def test_unpickling_arguments(scene, how):
    import victims

    with scene.runner() as runner:
        service = runner.service(victims.echo, instances=1)
        check(service(victims.DiesWhenUnpickled(how)).exception(20), how)
        assert service(5).get(20) == 5


@pytest.mark.parametrize("how", EVERY)
def test_pickling_the_result(scene, how):
    import victims

    with scene.runner() as runner:
        service = runner.service(victims.give_unpicklable, instances=1)
        error = service(how).exception(20)
        if how in RAISING:
            assert isinstance(error, flamepy.SerializationError), error
        else:
            check(error, how)
        assert runner.service(victims.echo)(1).get(20) == 1


def test_unpickling_the_result_in_the_client(scene):
    import victims

    with scene.runner() as runner:
        service = runner.service(victims.give_failing_result)
        expr = service()
        for _ in range(2):
            with pytest.raises(ValueError, match="not here"):
                expr.get(20)
        assert runner.service(victims.echo)(1).get(20) == 1


@pytest.mark.parametrize("how", DEADLY)
def test_idle_between_tasks(scene, how):
    import os
    import signal

    import victims

    with scene.runner() as runner:
        service = runner.service(victims.pid, instances=1)
        first = service().get(20)
        os.kill(first, {"terminate": signal.SIGTERM}.get(how, signal.SIGKILL))
        assert service().get(20) != first


@pytest.mark.parametrize("how", EVERY)
def test_in_a_coroutine(scene, how):
    import victims

    with scene.runner() as runner:
        service = runner.service(victims.in_coroutine, instances=1)
        check(service(how).exception(20), how)
        assert service("nothing").get(20) is None


@pytest.mark.parametrize("how", EVERY)
@pytest.mark.parametrize("kind", ["in_stream", "in_async_stream"])
def test_in_a_stream(scene, kind, how):
    import victims

    with scene.runner() as runner:
        service = runner.service(getattr(victims, kind), instances=1)
        items = iter(service(how))
        got = []
        with pytest.raises(RAISING.get(how, flamepy.ExecutorDied)) as caught:
            got += items
        check(caught.value, how)
        assert got == [1, 2][: len(got)]
        with pytest.raises(RAISING.get(how, flamepy.ExecutorDied)):
            service(how).get(20)


@pytest.mark.parametrize("how", EVERY)
def test_in_a_nested_call(scene, how):
    import victims

    with scene.runner() as runner:
        inner = runner.service(victims.run, instances=1)
        outer = runner.service(victims.nested, instances=1)
        check(outer(inner, how).exception(20), how)
        assert outer(inner, "nothing").get(20) is None


@pytest.mark.parametrize("how", EVERY)
def test_the_caller_of_a_nested_call(scene, how):
    import victims

    with scene.runner() as runner:
        inner = runner.service(victims.echo, instances=1)
        outer = runner.service(victims.nested_then_die, instances=1)
        check(outer(inner, how).exception(20), how)
        assert inner(1).get(20) == 1


@pytest.mark.parametrize("how", DEADLY)
def test_in_a_thread_of_the_task(scene, how):
    import victims

    with scene.runner() as runner:
        service = runner.service(victims.in_thread, instances=1)
        check(service(how).exception(20), how)
        assert service("nothing").get(20) is None


def test_the_error_names_the_last_output_of_the_process(scene):
    import victims

    with scene.runner(show_logs=False) as runner:
        error = runner.service(victims.last_words)("out of luck").exception(20)
        assert isinstance(error, flamepy.ExecutorDied)
        assert "exit code 7" in str(error)
        assert "out of luck" in str(error)
        assert "out of luck" in error.stderr


def test_calls_behind_the_one_that_kills_its_executor_go_on(scene):
    import victims

    with scene.runner() as runner:
        service = runner.service(victims.run, instances=1)
        service("nothing").get(20)
        exprs = [service("exit"), *[service("nothing") for _ in range(20)]]
        check(exprs[0].exception(20), "exit")
        assert [expr.get(20) for expr in exprs[1:]] == [None] * 20
