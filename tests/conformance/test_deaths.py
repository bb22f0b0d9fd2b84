"""Executors that die, tasks that take too long, and what goes on afterwards."""

from __future__ import annotations

import signal
import time
from datetime import timedelta

import pytest
from waiting import until
from workshop import classes, failing, functions

import flamepy
from flamepy import ExecutorDied, ServiceError, ServiceFailed, StateLost, TaskTimeout

PATIENCE = 40

# ---- death of a function's executor


def test_an_exit_is_reported_with_its_code(runner):
    die = runner.service(failing.die)
    with pytest.raises(ExecutorDied, match="7") as caught:
        die(7).get(PATIENCE)
    assert caught.value.exitcode == 7
    assert type(caught.value) is ExecutorDied


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_a_signal_is_reported_by_name(runner, number):
    with pytest.raises(ExecutorDied, match=signal.Signals(number).name) as caught:
        runner.service(failing.kill_myself)(int(number)).get(PATIENCE)
    assert caught.value.signal == number


def test_the_last_lines_on_stderr_are_in_the_error(runner):
    error = runner.service(failing.last_words)("I saw the end coming").exception(PATIENCE)
    assert isinstance(error, ExecutorDied)
    assert "I saw the end coming" in str(error)
    assert "I saw the end coming" in str(error.stderr)


def test_the_rest_of_the_queue_goes_on(runner):
    service = runner.service(functions.call_by_name, instances=1)
    die = runner.service(failing.die, instances=1)
    before = [service("add", n, 1) for n in range(20)]
    mixed = runner.service(lambda n: functions.add(n, 1) if n != 5 else failing.die(), instances=1)
    exprs = [mixed(n) for n in range(20)]
    assert isinstance(exprs[5].exception(PATIENCE), ExecutorDied)
    assert flamepy.get([expr for n, expr in enumerate(exprs) if n != 5], timeout=PATIENCE) == [
        n + 1 for n in range(20) if n != 5
    ]
    assert flamepy.get(before, timeout=PATIENCE) == [n + 1 for n in range(20)]
    assert isinstance(die().exception(PATIENCE), ExecutorDied)
    assert isinstance(die().exception(PATIENCE), ExecutorDied)


def test_only_the_running_task_fails(runner, tmp_path):
    log = str(tmp_path / "log")
    mixed = runner.service(functions.call_by_name, instances=1)
    done = [mixed("append", log, f"{n} ") for n in range(10)]
    dying = runner.service(lambda: failing.die(), instances=1)()
    assert isinstance(dying.exception(PATIENCE), ExecutorDied)
    flamepy.get(done)
    assert (tmp_path / "log").read_text() == "".join(f"{n} " for n in range(10))


# ---- retries


def test_a_retry_after_a_death(runner, tmp_path):
    service = runner.service(failing.die_once, retries=1)
    assert service(str(tmp_path / "tried"), [1, 2]).get(PATIENCE) == [1, 2]


def test_a_retry_by_option(runner, tmp_path):
    service = runner.service(failing.die_once)
    assert service.options(retries=2)(str(tmp_path / "tried"), "x").get(PATIENCE) == "x"
    assert isinstance(service(str(tmp_path / "other"), "x").exception(PATIENCE), ExecutorDied)


def test_retries_are_counted(runner, tmp_path):
    expr = runner.service(failing.count_tries, retries=2)(str(tmp_path / "tries"))
    assert isinstance(expr.exception(PATIENCE), ExecutorDied)
    assert (tmp_path / "tries").read_text() == "xxx"


def test_no_retries_unless_asked_for(runner, tmp_path):
    expr = runner.service(failing.count_tries)(str(tmp_path / "tries"))
    assert isinstance(expr.exception(PATIENCE), ExecutorDied)
    assert (tmp_path / "tries").read_text() == "x"


def test_exceptions_are_retried_only_if_named(runner, tmp_path):
    service = runner.service(failing.fail_once)
    again = service.options(retries=1, retry_exceptions=(failing.OutOfStock,))
    assert again(str(tmp_path / "a"), 1).get(PATIENCE) == 1
    assert isinstance(service.options(retries=1)(str(tmp_path / "b"), 1).exception(PATIENCE), failing.OutOfStock)
    other = service.options(retries=1, retry_exceptions=(KeyError,))
    assert isinstance(other(str(tmp_path / "c"), 1).exception(PATIENCE), failing.OutOfStock)


def test_a_retry_with_large_arguments(runner, tmp_path):
    value = b"x" * 1_000_000
    assert runner.service(failing.die_once, retries=1)(str(tmp_path / "tried"), value).get(PATIENCE) == value


def test_a_retry_with_arguments_that_are_results(runner, tmp_path):
    value = runner.service(functions.identity)([1])
    assert runner.service(failing.die_once, retries=1)(str(tmp_path / "tried"), value).get(PATIENCE) == [1]


# ---- timeouts


@pytest.mark.parametrize("function", [functions.sleep_for_ever, functions.spin_for_ever], ids=["sleeping", "computing"])
def test_a_timeout_stops_the_task_for_real(runner, tmp_path, function):
    service = runner.service(function, timeout=0.2, instances=1)
    expr = service(str(tmp_path / "started"))
    with pytest.raises(TaskTimeout, match=r"0\.2 s") as caught:
        expr.get(PATIENCE)
    assert isinstance(caught.value, TimeoutError)
    assert (tmp_path / "started").exists()
    # The one executor is free again: the next call starts.
    again = service(str(tmp_path / "again"))
    assert isinstance(again.exception(PATIENCE), TaskTimeout)
    assert (tmp_path / "again").exists()


def test_a_timeout_stops_what_does_not_listen(runner, tmp_path):
    service = runner.service(functions.call_by_name, instances=1)
    expr = service.options(timeout=0.2)("swallow_interrupts", str(tmp_path / "started"))
    with pytest.raises(TaskTimeout):
        expr.get(PATIENCE)
    assert service("add", 1, 2).get(PATIENCE) == 3


def test_a_timeout_of_one_call(runner):
    service = runner.service(functions.call_by_name, instances=1)
    slow = service.options(timeout=0.2)("sleep_for_ever")
    quick = service("add", 1, 2)
    assert isinstance(slow.exception(PATIENCE), TaskTimeout)
    assert quick.get(PATIENCE) == 3


def test_waiting_in_the_queue_is_not_running(runner, tmp_path):
    service = runner.service(functions.call_by_name, instances=1)
    blocker = service("wait_for_file", str(tmp_path / "go"))
    timed = [service.options(timeout=0.3)("add", n, 1) for n in range(3)]
    time.sleep(0.5)  # longer than the timeout, which is the point
    (tmp_path / "go").touch()
    assert blocker.get(PATIENCE)
    assert flamepy.get(timed, timeout=PATIENCE) == [1, 2, 3]


def test_an_instance_survives_a_timeout(runner):
    class Patient:
        def __init__(self):
            self.state = 0

        def add(self, a):
            self.state += a
            return self.state

        def hang(self):
            functions.sleep_for_ever()

    patient = runner.service(Patient)
    patient.add(5)
    hung = patient.hang.options(timeout=0.2)()
    behind = patient.add(1)
    assert isinstance(hung.exception(PATIENCE), TaskTimeout)
    assert behind.get(PATIENCE) == 6


def test_a_retry_after_a_timeout(runner, tmp_path):
    def slow_once(path):
        import os

        if os.path.exists(path):
            return "done"
        functions.announce(path)
        return functions.sleep_for_ever()

    assert runner.service(slow_once, timeout=0.5, retries=1)(str(tmp_path / "tried")).get(PATIENCE) == "done"


def test_a_timeout_that_is_not_reached(runner):
    service = runner.service(functions.add, timeout=30)
    assert flamepy.get([service(n, 1) for n in range(50)]) == list(range(1, 51))


# ---- instances


def test_the_state_is_lost_with_the_executor(runner):
    crasher = runner.service(classes.Crasher)
    assert crasher.add(5).get() == 5
    crash = crasher.crash()
    behind = crasher.add(1)
    assert isinstance(crash.exception(PATIENCE), ExecutorDied)
    with pytest.raises(StateLost) as caught:
        behind.get(PATIENCE)
    assert isinstance(caught.value, ExecutorDied)
    assert "checkpoint" in str(caught.value)
    with pytest.raises(StateLost):
        crasher.get().get(PATIENCE)


def test_a_checkpoint_after_each_call_restores_the_state(runner):
    crasher = runner.service(classes.Crasher(100), checkpoint=1)
    for number in range(1, 6):
        assert crasher.add(1).get(PATIENCE) == 100 + number
    assert isinstance(crasher.crash().exception(PATIENCE), ExecutorDied)
    assert crasher.get().get(PATIENCE) == 105
    assert crasher.add(1).get(PATIENCE) == 106


def test_a_checkpoint_of_a_class(runner):
    crasher = runner.service(classes.Crasher, checkpoint=1)
    crasher.add(3).get(PATIENCE)
    crash = crasher.crash()
    behind = [crasher.add(1) for _ in range(3)]
    assert isinstance(crash.exception(PATIENCE), ExecutorDied)
    assert flamepy.get(behind, timeout=PATIENCE) == [4, 5, 6]


def test_with_seldom_checkpoints_the_calls_since_are_run_again(runner):
    crasher = runner.service(classes.Crasher, checkpoint=10)
    for _ in range(13):
        crasher.add(1)
    assert crasher.get().get(PATIENCE) == 13
    assert isinstance(crasher.crash().exception(PATIENCE), ExecutorDied)
    assert crasher.get().get(PATIENCE) == 13


def test_checkpoint_zero_begins_anew(runner):
    crasher = runner.service(classes.Crasher(50), checkpoint=0)
    assert crasher.add(1).get(PATIENCE) == 51
    assert isinstance(crasher.crash().exception(PATIENCE), ExecutorDied)
    assert crasher.get().get(PATIENCE) == 50


def test_a_retry_of_an_instance_with_a_checkpoint(runner, tmp_path):
    crasher = runner.service(classes.Crasher, checkpoint=1)
    assert crasher.add(5).get(PATIENCE) == 5
    assert crasher.crash_once.options(retries=1)(str(tmp_path / "tried")).get(PATIENCE) == 6


def test_another_service_does_not_notice(runner):
    crasher, counter = runner.service(classes.Crasher), runner.service(classes.Counter(1))
    assert isinstance(crasher.crash().exception(PATIENCE), ExecutorDied)
    counter.add(1)
    assert counter.get_counter().get(PATIENCE) == 2


def test_a_pool_replaces_a_dead_instance(runner):
    pool = runner.service(classes.Crasher, instances=2)
    assert isinstance(pool.crash().exception(PATIENCE), ExecutorDied)
    results = [pool.add(0) for _ in range(20)]
    flamepy.wait(results, timeout=PATIENCE)
    assert all(expr.done() for expr in results)
    assert all(expr.exception() is None for expr in results)


# ---- starting


def test_a_constructor_that_dies(runner):
    class Dies:
        def __init__(self):
            failing.die(4)

        def use(self):
            return 1

    with pytest.raises(ServiceFailed, match="4"):
        runner.service(Dies).use().get(PATIENCE)


def test_a_stream_whose_executor_dies(runner):
    def produce(count):
        yield from range(count)
        failing.die(3)

    stream = runner.service(produce)(3)
    items = []
    with pytest.raises(ExecutorDied):  # noqa: PT012 - the block is what is tested
        for item in stream:
            items.append(item)
    assert items in ([0, 1, 2], [0, 1], [0], [])
    assert runner.service(functions.add)(1, 2).get(PATIENCE) == 3


def test_a_coroutine_whose_executor_dies(runner):
    async def die_soon():
        failing.die(3)

    with pytest.raises(ExecutorDied):
        runner.service(die_soon)().get(PATIENCE)


# ---- checkpoints: when the state is saved


def written(folder):
    return (folder / "written").read_text().split()


def test_a_state_saved_by_time_needs_no_replay(runner, tmp_path):
    diary = runner.service(classes.Diary(str(tmp_path)), checkpoint=timedelta(milliseconds=50))
    assert flamepy.get([diary.write(n) for n in range(3)], timeout=PATIENCE) == [1, 2, 3]
    until((tmp_path / "saved-3").exists)
    assert isinstance(diary.crash().exception(PATIENCE), ExecutorDied)
    assert diary.read().get(PATIENCE) == [0, 1, 2]
    assert written(tmp_path) == ["0", "1", "2"]


def test_a_state_saved_when_the_object_says_so(runner, tmp_path):
    diary = runner.service(classes.Diary(str(tmp_path)), checkpoint="manual")
    exprs = [diary.write(1), diary.write_for_good(2), diary.write(3)]
    assert flamepy.get(exprs, timeout=PATIENCE) == [1, 2, 3]
    assert isinstance(diary.crash().exception(PATIENCE), ExecutorDied)
    assert diary.read().get(PATIENCE) == [1, 2, 3]
    assert written(tmp_path) == ["1", "2", "3", "3"], "what was not saved is run again on what was"
    assert not (tmp_path / "saved-1").exists()


def test_the_object_s_own_moments_count_beside_every_n_calls(runner, tmp_path):
    diary = runner.service(classes.Diary(str(tmp_path)), checkpoint=100)
    assert flamepy.get([diary.write(1), diary.write_for_good(2)], timeout=PATIENCE) == [1, 2]
    assert isinstance(diary.crash().exception(PATIENCE), ExecutorDied)
    assert diary.read().get(PATIENCE) == [1, 2]
    assert written(tmp_path) == ["1", "2"]


@pytest.mark.parametrize("policy", [-1, "often", timedelta(0), 1.5])
def test_a_policy_that_is_none(runner, policy):
    with pytest.raises(ServiceError, match="not a number of calls, a timedelta above 0, or 'manual'"):
        runner.service(classes.Crasher, checkpoint=policy)


def test_a_checkpoint_outside_of_a_service_does_nothing(tmp_path):
    assert classes.Diary(str(tmp_path)).write_for_good(1) == 1
