"""ObjectExpr as a future: waiting, cancelling, callbacks, and many of them."""

from __future__ import annotations

import asyncio
import threading

import pytest
from waiting import until
from workshop import classes, failing, functions

import flamepy
from flamepy import TaskCancelled, WaitTimeout


@pytest.fixture
def gate(runner, tmp_path):
    """A pending expr, and what opens it."""
    started, go = tmp_path / "started", tmp_path / "go"
    expr = runner.service(functions.announce_and_wait, instances=1)(str(started), str(go))
    functions.wait_for_file(str(started))
    return expr, go.touch


# ---- one


def test_done_and_get(gate):
    expr, let_go = gate
    assert not expr.done()
    let_go()
    assert expr.get(timeout=20).endswith("go")
    assert expr.done()


def test_get_with_a_timeout_leaves_the_task_alone(gate):
    expr, let_go = gate
    for _ in range(2):
        with pytest.raises(WaitTimeout, match=r"0\.01 s"):
            expr.get(timeout=0.01)
    with pytest.raises(TimeoutError):
        expr.get(0)
    with pytest.raises(WaitTimeout):
        expr.exception(timeout=0.01)
    let_go()
    assert expr.get().endswith("go")


def test_wait_says_whether(gate):
    expr, let_go = gate
    assert expr.wait(0.01) is False
    let_go()
    assert expr.wait() is True
    assert expr.wait(0) is True


def test_exception(runner):
    good, bad = runner.service(functions.add), runner.service(failing.fail)
    assert good(1, 2).exception() is None
    error = bad("x").exception()
    assert isinstance(error, ValueError)


def test_callbacks_before_and_after(gate):
    expr, let_go = gate
    called, event = [], threading.Event()
    expr.add_done_callback(lambda e: called.append(("before", e)))
    expr.add_done_callback(lambda e: event.set())
    assert not called
    let_go()
    assert event.wait(20)  # nobody waits for the expr: progress is made all the same
    expr.add_done_callback(lambda e: called.append(("after", e)))
    assert [when for when, _ in called] == ["before", "after"]
    assert all(e is expr for _, e in called)


def test_a_callback_that_raises_is_logged(runner, caplog):
    expr, seen = runner.service(functions.add)(1, 2), threading.Event()

    def broken(_):
        raise RuntimeError("broken callback")

    expr.add_done_callback(broken)
    expr.add_done_callback(lambda _: seen.set())
    assert seen.wait(20)
    assert expr.get() == 3
    assert "broken callback" in caplog.text


def test_callbacks_may_submit(runner):
    add, results, event = runner.service(functions.add), [], threading.Event()

    def more(expr):
        results.append(expr.get())
        if len(results) < 20:
            add(expr, 1).add_done_callback(more)
        else:
            event.set()

    add(0, 1).add_done_callback(more)
    assert event.wait(20)
    assert results == list(range(1, 21))


def test_several_threads_wait_for_one(gate):
    expr, let_go = gate
    results = []
    threads = [threading.Thread(target=lambda: results.append(expr.get(20))) for _ in range(5)]
    for each in threads:
        each.start()
    let_go()
    for each in threads:
        each.join()
    assert len(results) == 5


def test_an_expr_is_awaitable_in_plain_asyncio(runner):
    add, fail = runner.service(functions.add), runner.service(failing.fail)

    async def main():
        results = await asyncio.gather(*[_value(add(n, n)) for n in range(50)])
        with pytest.raises(ValueError, match="broken"):
            await fail()
        return results

    async def _value(expr):
        return await expr

    assert asyncio.run(main()) == [2 * n for n in range(50)]
    assert add(1, 2).get() == 3


# ---- cancelling


def test_cancel_what_waits(runner, tmp_path):
    log = runner.service(classes.Log)
    first = log.write_when(1, str(tmp_path / "go"))
    second, third = log.write(2), log.write([3])
    assert second.cancel()
    assert third.cancel()
    assert second.done()
    assert second.cancelled()
    assert not second.cancel()
    (tmp_path / "go").touch()
    first.get()
    assert log.read().get() == [1]
    with pytest.raises(TaskCancelled, match=r"Log\.write"):
        second.get()


def test_cancel_what_runs(runner, tmp_path):
    sleep, announce = runner.service(functions.sleep_for_ever, instances=1), runner.service(functions.wait_for_file)
    expr = sleep(str(tmp_path / "started"))
    announce(str(tmp_path / "started")).get()
    assert expr.cancel()
    with pytest.raises(TaskCancelled):
        expr.get(timeout=20)
    assert expr.cancelled()
    assert expr.done()


def test_cancel_what_computes(runner, tmp_path):
    spin = runner.service(functions.spin_for_ever, instances=1)
    expr = spin(str(tmp_path / "started"))
    functions.wait_for_file(str(tmp_path / "started"))
    assert expr.cancel()
    with pytest.raises(TaskCancelled):
        expr.get(timeout=20)


def test_cancel_what_does_not_listen(runner, tmp_path):
    stubborn = runner.service(functions.swallow_interrupts, instances=1)
    expr = stubborn(str(tmp_path / "started"))
    functions.wait_for_file(str(tmp_path / "started"))
    assert expr.cancel()
    with pytest.raises(TaskCancelled):
        expr.get(timeout=30)


def test_cancel_what_waits_for_an_argument(runner, gate):
    expr, let_go = gate
    dependent = runner.service(functions.identity)([expr])
    assert dependent.cancel()
    assert dependent.cancelled()
    let_go()
    assert expr.get(20)


def test_cancel_what_is_done(runner):
    expr = runner.service(functions.add)(1, 2)
    expr.get()
    assert not expr.cancel()
    assert not expr.cancelled()
    assert expr.get() == 3


def test_an_instance_goes_on_after_a_cancel(runner, tmp_path):
    class Patient:
        def __init__(self):
            self.state = 0

        def wait(self, started):
            self.state += 1
            functions.sleep_for_ever(started)

        def read(self):
            return self.state

    patient = runner.service(Patient)
    expr = patient.wait(str(tmp_path / "started"))
    functions.wait_for_file(str(tmp_path / "started"))
    behind = patient.read()
    expr.cancel()
    assert behind.get(timeout=20) == 1
    assert patient.read().get(timeout=20) == 1


def test_a_cancelled_one_is_no_unseen_error(make_runner, tmp_path, caplog):
    with make_runner() as runner:
        runner.service(functions.wait_for_file)(str(tmp_path / "never")).cancel()
    assert "nobody looked" not in caplog.text


# ---- many


def test_get_of_many(runner):
    assert flamepy.get(runner.service(functions.scale).map(range(500))) == [2 * n for n in range(500)]
    assert flamepy.get([]) == []


def test_get_of_many_with_a_timeout(runner, gate):
    expr, let_go = gate
    with pytest.raises(WaitTimeout):
        flamepy.get([runner.put(1), expr], timeout=0.05)
    let_go()
    assert len(flamepy.get([runner.put(1), expr], timeout=20)) == 2


def test_get_raises_the_first_failure_in_their_order(runner):
    fail, add = runner.service(failing.fail), runner.service(functions.add)
    exprs = [add(1, 2), fail("first"), fail("second")]
    with pytest.raises(ValueError, match="first"):
        flamepy.get(exprs)
    exprs[2].exception()


def test_wait_for_all(runner, gate):
    expr, let_go = gate
    scale = runner.service(functions.scale)
    scale(0).get()  # so that the start of its executor is not what is measured
    others = scale.map(range(5))
    done, pending = flamepy.wait([expr, *others], timeout=0.3)
    assert pending == [expr]
    assert done == others
    let_go()
    done, pending = flamepy.wait([expr, *others])
    assert (done, pending) == ([expr, *others], [])


def test_wait_for_the_first(runner, gate):
    expr, let_go = gate
    other = runner.service(functions.add)(1, 2)
    done, pending = flamepy.wait([expr, other], return_when="FIRST_COMPLETED")
    assert (done, pending) == ([other], [expr])
    let_go()


def test_wait_for_the_first_failure(runner, gate):
    expr, let_go = gate
    fail, add = runner.service(failing.fail), runner.service(functions.add)
    good, bad = add(1, 2), fail()
    done, pending = flamepy.wait([expr, good, bad], return_when="FIRST_EXCEPTION")
    assert bad in done
    assert expr in pending
    assert isinstance(bad.exception(), ValueError)
    let_go()


def test_wait_refuses_what_it_does_not_know(runner):
    with pytest.raises(ValueError, match="FIRST_COMPLETED"):
        flamepy.wait([], return_when="SOON")


def test_as_completed(runner, gate):
    expr, let_go = gate
    others = runner.service(functions.scale).map(range(20))
    arriving = flamepy.as_completed([expr, *others])
    first = [next(arriving) for _ in others]
    assert set(first) == set(others)
    let_go()
    assert list(arriving) == [expr]


def test_as_completed_gives_each_once(runner):
    expr, same = runner.service(functions.add)(1, 2), None
    same = expr
    assert list(flamepy.as_completed([expr, same, runner.put(1)])).count(expr) == 1
    assert list(flamepy.as_completed([])) == []


def test_as_completed_with_a_timeout(runner, gate):
    expr, let_go = gate
    done = runner.put(1)
    arriving = flamepy.as_completed([expr, done], timeout=0.05)
    assert next(arriving) is done
    with pytest.raises(WaitTimeout):
        next(arriving)
    let_go()


def test_as_completed_of_several_services(make_runner):
    with make_runner() as one, make_runner() as two:
        exprs = [*one.service(functions.scale).map(range(10)), *two.service(functions.scale).map(range(10))]
        assert sorted(expr.get() for expr in flamepy.as_completed(exprs)) == sorted([2 * n for n in range(10)] * 2)


def test_gather(runner):
    add, fail = runner.service(functions.add), runner.service(failing.fail)

    async def main():
        assert await flamepy.gather(add(1, 2), add(3, 4)) == [3, 7]
        assert await flamepy.gather() == []
        results = await flamepy.gather(add(1, 2), fail("x"), return_exceptions=True)
        assert results[0] == 3
        assert isinstance(results[1], ValueError)
        with pytest.raises(ValueError, match="y"):
            await flamepy.gather(add(1, 2), fail("y"))

    asyncio.run(main())


def test_exprs_are_hashable_and_compare_by_identity(runner):
    add = runner.service(functions.add)
    one, two = add(1, 2), add(1, 2)
    assert len({one, two, one}) == 2
    assert one != two
    assert flamepy.get([one, two]) == [3, 3]


def test_a_dropped_call_still_runs(runner, tmp_path):
    log = tmp_path / "log"
    runner.service(functions.append)(str(log), "x")
    runner.service(functions.wait_for_file)(str(log)).get()
    assert until(log.read_text) == "x"  # it is opened before it is written
