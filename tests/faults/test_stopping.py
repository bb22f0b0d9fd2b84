"""Tasks that must end although they do not want to: timeouts, cancelling, closing; and what goes on behind them."""

from __future__ import annotations

import time

import pytest

import flamepy
from faults.scene import eventually, is_alive, pid_in


@pytest.mark.parametrize("task", ["spin", "mark_and_sleep"])
def test_cancel_interrupts(scene, tmp_path, task):
    import victims

    with scene.runner() as runner:
        service = runner.service(getattr(victims, task), instances=1)
        expr = service(tmp_path / "mark", *([1000] if task == "mark_and_sleep" else []))
        pid = pid_in(tmp_path / "mark")
        assert expr.cancel()
        with pytest.raises(flamepy.TaskCancelled):
            expr.get(1.5)
        assert is_alive(pid)  # asked politely, it goes on with other work
        assert not expr.cancel()


@pytest.mark.parametrize("task", ["ignore_interrupts", "spin_in_c"])
def test_cancel_kills_what_does_not_listen(scene, tmp_path, task):
    import victims

    with scene.runner() as runner:
        service = runner.service(getattr(victims, task), instances=1)
        expr = service(tmp_path / "mark")
        pid = pid_in(tmp_path / "mark")
        assert expr.cancel()
        with pytest.raises(flamepy.TaskCancelled):
            expr.get(10)
        eventually(lambda: not is_alive(pid))
        again = service(tmp_path / "again")
        assert pid_in(tmp_path / "again") != pid
        again.cancel()


@pytest.mark.parametrize("task", ["mark_and_sleep", "ignore_interrupts", "spin_in_c"])
def test_timeout(scene, tmp_path, task):
    import victims

    with scene.runner() as runner:
        service = runner.service(getattr(victims, task), instances=1, timeout=0.3)
        began = time.monotonic()
        expr = service(tmp_path / "mark", *([1000] if task == "mark_and_sleep" else []))
        with pytest.raises(flamepy.TaskTimeout, match=r"0\.3 s"):
            expr.get(10)
        assert time.monotonic() - began < 8
        other = runner.service(victims.echo)
        assert other(1).get(10) == 1


def test_timeout_of_a_retried_call_begins_anew(scene, tmp_path):
    import victims

    with scene.runner() as runner:
        service = runner.service(victims.Retry(), checkpoint=0, timeout=1.5, retries=1)
        # The first try dies after a second; the second takes one, too: each is within its time.
        assert service.die_then_take_time(str(tmp_path / "once"), 1.0).get(20) == "in time"


def test_time_that_passes_before_the_object_exists_is_not_the_tasks(scene):
    import victims

    with scene.runner() as runner:
        service = runner.service(victims.SlowToMake, timeout=0.5)
        assert service.ping().get(20) == "pong"


def test_a_coroutine_that_blocks_its_loop_is_stopped(scene, tmp_path):
    import victims

    with scene.runner() as runner:
        service = runner.service(victims.block_the_loop, instances=1, timeout=0.3)
        expr = service(tmp_path / "mark")
        pid = pid_in(tmp_path / "mark")
        with pytest.raises(flamepy.TaskTimeout):
            expr.get(10)
        eventually(lambda: not is_alive(pid))


def test_cancelling_a_coroutine_that_blocks_its_loop(scene, tmp_path):
    import victims

    with scene.runner() as runner:
        service = runner.service(victims.block_the_loop, instances=1)
        expr = service(tmp_path / "mark")
        pid = pid_in(tmp_path / "mark")
        assert expr.cancel()
        with pytest.raises((flamepy.TaskCancelled, flamepy.ExecutorDied)):
            expr.get(10)
        eventually(lambda: not is_alive(pid))


def test_cancelled_calls_that_wait_never_run(scene, tmp_path):
    import victims

    with scene.runner() as runner:
        service = runner.service(victims.mark_and_sleep, instances=1)
        first = service(tmp_path / "first", 0.5)
        pid_in(tmp_path / "first")
        rest = [service(tmp_path / f"rest{n}", 0) for n in range(20)]
        for expr in rest:
            assert expr.cancel()
        for expr in rest:
            with pytest.raises(flamepy.TaskCancelled):
                expr.get(10)
        assert first.get(10) == "slept"
        assert service(tmp_path / "last", 0).get(10) == "slept"
    assert not list(tmp_path.glob("rest*"))


def test_a_call_cancelled_while_its_argument_is_computed_never_runs(scene, tmp_path):
    import victims

    with scene.runner() as runner:
        slow = runner.service(victims.mark_and_sleep, instances=1)
        other = runner.service(victims.take_and_mark, instances=1)
        argument = slow(tmp_path / "first", 0.5)
        expr = other(argument, tmp_path / "second")
        assert expr.cancel()
        assert argument.get(10) == "slept"
        with pytest.raises(flamepy.TaskCancelled):
            expr.get(10)
    assert not (tmp_path / "second").exists()


def test_leaving_by_an_exception_stops_tasks_that_do_not_listen(scene, tmp_path):
    import victims

    began = time.monotonic()
    with pytest.raises(ZeroDivisionError), scene.runner() as runner:  # noqa: PT012 - what is left by it is the test
        runner.service(victims.ignore_interrupts)(tmp_path / "one")
        runner.service(victims.spin_in_c)(tmp_path / "two")
        pids = [pid_in(tmp_path / "one"), pid_in(tmp_path / "two")]
        raise ZeroDivisionError
    assert time.monotonic() - began < 15
    assert not any(map(is_alive, pids))


def test_closing_one_service_from_outside_ends_its_process(scene, tmp_path):
    import victims

    with scene.runner() as runner:
        service = runner.service(victims.ignore_interrupts, instances=1)
        expr = service(tmp_path / "mark")
        pid = pid_in(tmp_path / "mark")
        service._flame_session.abort()
        with pytest.raises(flamepy.TaskCancelled):
            expr.get(10)
        eventually(lambda: not is_alive(pid))
        assert runner.service(victims.echo)(1).get(10) == 1


def test_closing_a_service_waits_for_its_queue(scene):
    import victims

    with scene.runner() as runner:
        service = runner.service(victims.Account)
        exprs = [service.add(n) for n in range(1000)]
        service.close()
        assert [expr.get(0) for expr in exprs] == list(range(1, 1001))
        with pytest.raises(flamepy.ServiceClosed):
            service.add(1)


def test_leaving_waits_for_calls_that_wait_for_others(scene):
    import victims

    with scene.runner() as runner:
        last = runner.service(victims.echo)  # opened first, and so asked first whether it is done
        slow = runner.service(victims.sleep)
        expr = last(last(slow(0.4)))
    assert expr.get(0) == "slept"


def test_leaving_while_another_thread_waits_for_a_stream(scene):
    import threading

    import victims

    seen: list[object] = []

    def consume(items: object) -> None:
        try:
            seen.extend(items)  # type: ignore[call-overload]
        except flamepy.FlameError as error:
            seen.append(type(error).__name__)

    with scene.runner() as runner:
        expr = runner.service(victims.slow_numbers)(0.05)
        thread = threading.Thread(target=consume, args=(iter(expr),))
        thread.start()
        eventually(lambda: seen)
    thread.join(10)
    assert not thread.is_alive()


def test_close_from_another_thread_while_the_main_one_waits(scene, tmp_path):
    import threading

    import victims

    with scene.runner() as runner:
        expr = runner.service(victims.mark_and_sleep)(tmp_path / "mark", 1000)
        pid_in(tmp_path / "mark")
        threading.Timer(0.2, runner._engine.close, kwargs={"cancel": True}).start()
        with pytest.raises(flamepy.TaskCancelled):
            expr.get(20)


def test_waits_that_run_out_change_nothing(scene):
    import victims

    with scene.runner() as runner:
        expr = runner.service(victims.sleep)(0.5)
        for _ in range(3):
            with pytest.raises(flamepy.WaitTimeout):
                expr.get(0.05)
        assert expr.get(10) == "slept"


def test_a_task_whose_wait_runs_out_goes_on_and_its_executor_serves(scene):
    import victims

    with scene.runner() as runner:
        inner = runner.service(victims.sleep, instances=1)
        outer = runner.service(victims.wait_briefly, instances=1)
        assert outer(inner, 0.6).get(10) == "gave up, then slept"
        assert outer(inner, 0.0).get(10) in ("gave up, then slept", "slept at once")


def test_a_stream_that_nobody_wants_and_that_does_not_end_frees_its_executor(scene, tmp_path):
    import victims

    with scene.runner() as runner:
        service = runner.service(victims.stuck_stream, instances=1)
        items = iter(service(str(tmp_path / "mark")))
        assert next(items) == "first"
        pid = pid_in(tmp_path / "mark")
        items.close()
        again = service(str(tmp_path / "again"))
        assert next(iter(again)) == "first"
        assert not is_alive(pid)


def test_a_stream_that_is_left_early_runs_its_clean_up(scene, tmp_path):
    import victims

    with scene.runner() as runner:
        service = runner.service(victims.tidy_stream, instances=1)
        for item in service(str(tmp_path / "mark")):
            assert item == 0
            break
        eventually((tmp_path / "mark").exists)
        assert runner.service(victims.echo)(1).get(10) == 1


def test_streams_in_cyclic_garbage_do_not_block(scene):
    import gc

    import victims

    with scene.runner() as runner:
        service = runner.service(victims.numbers, instances=1)
        for _ in range(50):
            expr = service(1000)
            holder: list[object] = [expr, iter(expr)]
            next(holder[1])  # type: ignore[call-overload]
            holder.append(holder)
            del expr, holder
        gc.collect()
        assert service(3).get(20) == [0, 1, 2]


def test_a_cancelled_call_does_not_come_back_when_its_executor_dies(scene, tmp_path):
    import victims

    with scene.runner() as runner:
        service = runner.service(victims.ignore_or_mark, instances=1)
        first = service(str(tmp_path / "first"), True)
        second = service(str(tmp_path / "second"), False)
        third = service(str(tmp_path / "third"), False)
        pid_in(tmp_path / "first")
        assert second.cancel()
        assert first.cancel()
        assert third.get(20) == "marked"
        for expr in (first, second):
            with pytest.raises(flamepy.TaskCancelled):
                expr.get(20)
    assert not (tmp_path / "second").exists()


def test_interrupts_while_output_is_sent_arrive(scene, tmp_path):
    """The thread that sends what is printed must not swallow them."""
    import victims

    with scene.runner(show_logs=False) as runner:
        service = runner.service(victims.print_and_sleep, instances=1)
        for number in range(20):
            path = tmp_path / str(number)
            expr = service(str(path))
            pid = pid_in(path)
            assert expr.cancel()
            with pytest.raises(flamepy.TaskCancelled):
                expr.get(10)
            assert is_alive(pid), "it was interrupted, not killed"


def test_several_calls_cancelled_at_once(scene, tmp_path):
    """The bell rings again while its handler looks: none of the rings may be lost."""
    import victims

    with scene.runner() as runner:
        service = runner.service(victims.mark_and_sleep, instances=1)
        for round_ in range(30):
            first = service(tmp_path / f"first{round_}", 1000)
            rest = [service(tmp_path / f"rest{round_}-{n}", 1000) for n in range(5)]
            pid = pid_in(tmp_path / f"first{round_}")
            for expr in reversed([first, *rest]):
                assert expr.cancel()
            for expr in (first, *rest):
                with pytest.raises(flamepy.TaskCancelled):
                    expr.get(10)
            assert is_alive(pid), "it was interrupted, not killed"
    assert not list(tmp_path.glob("rest*"))
