"""Instances whose executor dies: what of their state and of their queue survives, by checkpoint= and retries=."""

from __future__ import annotations

import os
import signal

import pytest

import flamepy


def test_without_checkpoint_state_and_queue_are_lost(scene):
    import victims

    with scene.runner() as runner:
        service = runner.service(victims.Account())
        assert service.add(1).get(20) == 1
        exprs = [service.die("exit"), service.add(2), service.list()]
        assert type(exprs[0].exception(20)) is flamepy.ExecutorDied
        for expr in exprs[1:]:
            with pytest.raises(flamepy.StateLost, match="checkpoint=1"):
                expr.get(20)
        with pytest.raises(flamepy.StateLost):
            service.add(3).get(20)


def test_an_idle_instance_that_dies_loses_its_state(scene):
    import victims

    with scene.runner() as runner:
        service = runner.service(victims.Account())
        os.kill(service.pid().get(20), signal.SIGKILL)
        with pytest.raises(flamepy.StateLost, match="SIGKILL"):
            service.add(1).get(20)


@pytest.mark.parametrize("checkpoint", [1, 5])
@pytest.mark.parametrize("how", ["exit", "kill", "segfault"])
def test_with_checkpoints_the_queue_goes_on_in_order(scene, checkpoint, how):
    import victims

    with scene.runner(show_logs=False) as runner:
        service = runner.service(victims.Account(), checkpoint=checkpoint)
        before = [service.add(n) for n in range(7)]
        assert [expr.get(20) for expr in before] == list(range(1, 8))
        killer = service.die(how)
        after = [service.add(n) for n in range(7, 12)]
        assert type(killer.exception(20)) is flamepy.ExecutorDied
        assert [expr.get(20) for expr in after] == list(range(8, 13))
        assert service.list().get(20) == list(range(12))


def test_checkpoint_0_begins_anew(scene):
    import victims

    with scene.runner() as runner:
        service = runner.service(victims.Account(), checkpoint=0)
        assert [service.add(n).get(20) for n in range(3)] == [1, 2, 3]
        killer = service.die("exit")
        after = service.add(9)
        assert type(killer.exception(20)) is flamepy.ExecutorDied
        assert after.get(20) == 1
        assert service.list().get(20) == [9]


@pytest.mark.parametrize("checkpoint", [1, 5])
def test_with_retries_nothing_fails(scene, tmp_path, checkpoint):
    import victims

    with scene.runner() as runner:
        service = runner.service(victims.Account(), checkpoint=checkpoint, retries=1)
        exprs = [service.add(n) for n in range(7)]
        risky = service.die_once(str(tmp_path / "once"), "kill")
        exprs += [service.add(n) for n in range(7, 10)]
        assert risky.get(20) == "survived"
        assert [expr.get(20) for expr in exprs] == [*range(1, 8), *range(9, 12)]
        assert service.list().get(20) == [*range(7), -1, *range(7, 10)]


def test_replayed_failures_are_no_news(scene, caplog):
    import victims

    with scene.runner() as runner:
        service = runner.service(victims.Account(), checkpoint=100)
        assert service.add(1).get(20) == 1
        assert isinstance(service.die("raise").exception(20), ValueError)
        assert service.die("exit").exception(20)
        assert service.list().get(20) == [1]
    assert "nobody looked" not in caplog.text


def test_the_state_dies_again_and_again(scene):
    import victims

    with scene.runner() as runner:
        service = runner.service(victims.Account(), checkpoint=1)
        for number in range(5):
            assert service.add(number).get(20) == number + 1
            assert isinstance(service.die("kill").exception(20), flamepy.ExecutorDied)
        assert service.list().get(20) == list(range(5))


@pytest.mark.parametrize(("retries", "survives"), [(0, False), (1, True)])
def test_retries_of_a_function(scene, tmp_path, retries, survives):
    import victims

    with scene.runner() as runner:
        service = runner.service(victims.once, instances=1, retries=retries)
        expr = service(str(tmp_path / "once"), "kill")
        if survives:
            assert expr.get(20) == "survived"
        else:
            assert isinstance(expr.exception(20), flamepy.ExecutorDied)


def test_retries_run_out(scene):
    import victims

    with scene.runner() as runner:
        service = runner.service(victims.run, instances=1, retries=3)
        assert isinstance(service("exit").exception(30), flamepy.ExecutorDied)
        assert service("nothing").get(20) is None


def test_one_of_a_pool_dies_and_the_others_go_on(scene):
    import victims

    with scene.runner() as runner:
        service = runner.service(victims.Account, instances=2)
        flamepy.get([service.pid() for _ in range(20)])
        died = service.die("kill")
        assert isinstance(died.exception(20), flamepy.ExecutorDied)
        assert all(isinstance(n, int) for n in flamepy.get([service.add(n) for n in range(50)], 20))


def test_an_executor_killed_under_a_wait_without_end(scene, tmp_path):
    import threading

    import victims

    from faults.scene import pid_in

    with scene.runner() as runner:
        expr = runner.service(victims.mark_and_sleep)(tmp_path / "mark", 1000)
        pid = pid_in(tmp_path / "mark")
        threading.Timer(0.2, os.kill, (pid, signal.SIGKILL)).start()
        with pytest.raises(flamepy.ExecutorDied):
            expr.get()


def test_a_checkpoint_is_of_one_instance(scene):
    import victims

    with scene.runner() as runner, pytest.raises(flamepy.ServiceError, match="one instance"):
        runner.service(victims.Account, instances=2, checkpoint=1)
