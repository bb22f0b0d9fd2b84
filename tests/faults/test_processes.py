"""Processes around a task: the template, children of tasks, forks in tasks, descriptors that run out."""

from __future__ import annotations

import os
import signal

import pytest

import flamepy
from faults.scene import eventually, is_alive, pid_in


def template_of(runner) -> int:
    return runner._engine.carrier._launcher.pid


def test_results_arrive_although_the_template_was_killed(scene):
    import victims

    with scene.runner() as runner:
        slow = runner.service(victims.sleep, instances=1)
        assert slow(0).get(20) == "slept"
        expr = slow(0.5)
        os.kill(template_of(runner), signal.SIGKILL)
        assert expr.get(20) == "slept"
        assert slow(0).get(20) == "slept"


def test_new_executors_start_although_the_template_was_killed(scene):
    import victims

    with scene.runner() as runner:
        killed = template_of(runner)
        os.kill(killed, signal.SIGKILL)
        assert runner.service(victims.echo)(1).get(20) == 1
        assert template_of(runner) != killed


def test_the_template_is_killed_again_and_again(scene):
    import victims

    with scene.runner() as runner:
        for number in range(5):
            service = runner.service(victims.echo)
            assert service(number).get(20) == number
            os.kill(template_of(runner), signal.SIGKILL)
            eventually(lambda: runner._engine.carrier._launcher is None)


@pytest.mark.parametrize("task", ["mark_and_sleep", "spin_in_c", "ignore_interrupts"])
def test_executors_without_a_template_end_with_the_engine(scene, tmp_path, task):
    import victims

    with pytest.raises(ZeroDivisionError), scene.runner() as runner:  # noqa: PT012 - what is left by it is the test
        runner.service(getattr(victims, task))(tmp_path / "mark", *([1000] if task == "mark_and_sleep" else []))
        pid = pid_in(tmp_path / "mark")
        os.kill(template_of(runner), signal.SIGKILL)
        raise ZeroDivisionError
    assert not is_alive(pid)


def test_an_executor_dies_after_its_template(scene):
    import victims

    with scene.runner() as runner:
        service = runner.service(victims.run, instances=1)
        assert service("nothing").get(20) is None
        os.kill(template_of(runner), signal.SIGKILL)
        eventually(lambda: runner._engine.carrier._launcher is None)
        error = service("exit").exception(20)
        assert isinstance(error, flamepy.ExecutorDied)
        assert "unknown reason" in str(error)
        assert service("nothing").get(20) is None


@pytest.mark.parametrize("how", ["exit", "kill"])
def test_children_of_a_task_do_not_outlive_its_executor(scene, how):
    import victims

    with scene.runner() as runner:
        service = runner.service(victims.Parent, instances=1)
        child = service.start_child().get(20)
        assert is_alive(child)
        assert isinstance(service.die(how).exception(20), flamepy.ExecutorDied)
        eventually(lambda: not is_alive(child))


def test_a_killed_task_takes_its_children_along(scene, tmp_path):
    import victims

    with scene.runner() as runner:
        service = runner.service(victims.start_child_and_wait, instances=1, timeout=0.3)
        expr = service(tmp_path / "mark")
        child = pid_in(tmp_path / "mark")
        with pytest.raises(flamepy.TaskTimeout):
            expr.get(20)
    eventually(lambda: not is_alive(child))


def test_children_of_tasks_end_with_the_engine(scene):
    import victims

    with scene.runner() as runner:
        child = runner.service(victims.start_child)().get(20)
        assert is_alive(child)
    eventually(lambda: not is_alive(child))


def test_a_child_that_holds_the_socket_of_a_dead_executor(scene):
    """A fork keeps all descriptors of the executor: its end is noticed all the same."""
    import victims

    with scene.runner() as runner:
        service = runner.service(victims.fork_and_die, instances=1)
        error = service().exception(20)
        assert isinstance(error, flamepy.ExecutorDied)
        assert error.exitcode == 3
        assert runner.service(victims.echo)(1).get(20) == 1


def test_a_fork_in_a_task_is_no_second_executor(scene, capfd):
    import victims

    with scene.runner() as runner:
        service = runner.service(victims.fork_and_print, instances=1)
        assert service().get(20) == "parent"
        assert service().get(20) == "parent"
    assert capfd.readouterr().err.count("from the fork") == 2


def test_multiprocessing_in_a_task(scene):
    import victims

    with scene.runner() as runner:
        assert runner.service(victims.use_multiprocessing)(5).get(30) == [0, 1, 4, 9, 16]


def test_descriptors_run_out(scene):
    script = """
import resource, flamepy
resource.setrlimit(resource.RLIMIT_NOFILE, (60, 60))
with runner(show_logs=False) as r:
    first = r.service(victims.echo)
    assert first(1).get() == 1
    opened = []
    try:
        while True:
            opened.append(r.service(victims.Account))
    except flamepy.EngineUnavailable as error:
        print(error)
    print(first(2).get())
    for service in opened:
        service.close()
    deadline = time.monotonic() + 10
    while True:
        try:
            print(r.service(victims.Account).add(1).get())
            break
        except flamepy.EngineUnavailable:
            assert time.monotonic() < deadline
            time.sleep(0.05)
"""
    returned, output = scene.run(script)
    assert returned == 0, output
    assert "Too many open files" in output
    assert output.splitlines()[-2:] == ["2", "1"]


@pytest.mark.parametrize("free", [0, 2, 4, 8, 12])
def test_no_descriptors_for_an_engine(scene, free):
    script = """
import resource
used = len(os.listdir("/proc/self/fd")) - 1
resource.setrlimit(resource.RLIMIT_NOFILE, (used + int(sys.argv[1]), 4096))
try:
    with runner(show_logs=False) as r:
        print(r.service(victims.echo)(1).get())
except Exception as error:
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
    print(type(error).__name__, error)
resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
import gc; gc.collect()
left = len(os.listdir("/proc/self/fd")) - 1 - used
print("left", left)
with runner(show_logs=False) as r:
    print(r.service(victims.echo)(2).get())
"""
    returned, output = scene.run(script, free)
    assert returned == 0, output
    assert output.splitlines()[-1] == "2"
    assert int(output.split("left ")[1].split()[0]) <= 1, output  # loading a module may have left one open for good


def test_a_template_that_cannot_be_started(scene, monkeypatch):
    import sys

    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(flamepy.EngineUnavailable, match="/nowhere/python"), scene.runner():
        pass


def test_waiting_for_resources_has_a_reason(scene):
    import victims

    with scene.runner() as runner:
        cores = len(os.sched_getaffinity(0))
        greedy = runner.service(victims.Account, resources={"cpu": cores})
        assert greedy.add(1).get(20) == 1
        patient = runner.service(victims.Account, resources={"cpu": 1})
        expr = patient.add(1)
        sessions = runner._engine._register.snapshot().sessions
        reason = next(each.reason for each in sessions if each.id == patient._flame_session.id)
        assert "cpu=1" in reason
        assert "0 of" in reason
        with pytest.raises(flamepy.WaitTimeout):
            expr.get(0.2)
        greedy.close()
        assert expr.get(20) == 1


def test_infeasible_requests_fail_at_once(scene):
    import victims

    with scene.runner() as runner:
        for resources in ({"cpu": 10_000}, {"memory": 1 << 60}, {"gpu": 99}):
            with pytest.raises(flamepy.ResourcesUnavailable, match="can never be had"):
                runner.service(victims.echo, resources=resources)
        assert runner.service(victims.echo)(1).get(20) == 1
