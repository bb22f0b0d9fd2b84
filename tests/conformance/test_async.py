"""FlameAsyncRunner: awaitable calls on the user's own event loop."""

from __future__ import annotations

import asyncio

import pytest
from workshop import classes, failing, functions

import flamepy
from flamepy import ObjectExpr, TaskCancelled


async def test_awaiting_a_call_gives_the_finished_expr(make_async_runner):
    async with make_async_runner() as runner:
        expr = await runner.service(functions.add)(1, 2)
        assert isinstance(expr, ObjectExpr)
        assert expr.done()
        assert expr.get() == 3
        assert await expr == 3


async def test_a_call_is_submitted_before_it_is_awaited(make_async_runner, tmp_path):
    async with make_async_runner() as runner:
        call = runner.service(functions.announce)(str(tmp_path / "called"))
        other = runner.service(functions.wait_for_file)(str(tmp_path / "called"))
        assert (await other).get() == str(tmp_path / "called")
        await call


async def test_a_call_that_is_never_awaited_runs(make_async_runner, tmp_path):
    async with make_async_runner() as runner:
        runner.service(functions.announce)(str(tmp_path / "called"))
    assert (tmp_path / "called").exists()


async def test_methods_in_order(make_async_runner):
    async with make_async_runner() as runner:
        counter = runner.service(classes.Counter(10))
        for number in range(100):
            counter.add(number)
        assert (await counter.get_counter()).get() == 4960
        await counter.add(await counter.get_counter())
        assert (await counter.get_counter()).get() == 9920


async def test_gather_of_many(make_async_runner):
    async with make_async_runner() as runner:
        add = runner.service(functions.add)
        exprs = await asyncio.gather(*[add(n, n) for n in range(2_000)])
        assert [expr.get() for expr in exprs] == [2 * n for n in range(2_000)]
        assert await flamepy.gather(*[add(n, 1) for n in range(10)]) == list(range(1, 11))


async def test_asyncio_tools_work_on_calls(make_async_runner):
    async with make_async_runner() as runner:
        add = runner.service(functions.add)
        calls = [add(n, 1) for n in range(10)]
        assert sorted([(await call).get() for call in asyncio.as_completed(calls)]) == list(range(1, 11))
        done, pending = await asyncio.wait([add(1, 2), add(3, 4)])
        assert len(done) == 2
        assert not pending
        assert (await asyncio.wait_for(add(1, 2), 30)).get() == 3
        task = asyncio.ensure_future(add(1, 2))
        assert (await task).get() == 3


async def test_the_loop_is_not_blocked(make_async_runner, tmp_path):
    async with make_async_runner() as runner:
        wait = runner.service(functions.wait_for_file)(str(tmp_path / "go"))

        async def let_go():
            for _ in range(10):
                await asyncio.sleep(0)
            (tmp_path / "go").touch()

        expr, _ = await asyncio.gather(wait, let_go())
        assert expr.get() == str(tmp_path / "go")


async def test_entering_and_leaving_do_not_block_the_loop(make_async_runner, tmp_path):
    ticks = 0

    async def tick():
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    ticking = asyncio.create_task(tick())
    runner = make_async_runner()
    await runner.__aenter__()
    assert ticks > 1
    pending = runner.service(functions.wait_for_file)(str(tmp_path / "go"))
    ticks = 0
    leaving = asyncio.create_task(runner.__aexit__(None, None, None))
    while ticks < 100:
        await asyncio.sleep(0)
    assert not leaving.done()  # it waits for the task, and the loop goes on
    (tmp_path / "go").touch()
    await leaving
    assert (await pending).get() == str(tmp_path / "go")
    ticking.cancel()


async def test_a_blocking_get_on_the_loop_is_no_deadlock(make_async_runner, make_runner):
    async with make_async_runner() as runner:
        assert runner.service(functions.add)(1, 2).get(30) == 3
        with make_runner() as other:
            assert other.service(functions.add)(3, 4).get(30) == 7


async def test_errors_are_raised_at_await(make_async_runner):
    async with make_async_runner() as runner:
        fail = runner.service(failing.fail)
        with pytest.raises(ValueError, match="broken"):
            await fail()
        results = await asyncio.gather(fail("a"), fail("b"), return_exceptions=True)
        assert [str(error) for error in results] == ["a", "b"]


async def test_wrong_arguments_are_raised_at_the_call(make_async_runner):
    async with make_async_runner() as runner:
        add = runner.service(functions.add)
        with pytest.raises(TypeError):
            add(1)
        with pytest.raises(AttributeError, match="did you mean"):
            runner.service(classes.Counter).ad(1)


async def test_stop_iteration_does_not_confuse_coroutines(make_async_runner):
    async with make_async_runner() as runner:
        with pytest.raises(RuntimeError, match="StopIteration") as caught:
            await runner.service(failing.stop_iteration)()
        assert isinstance(caught.value.__cause__, StopIteration)


async def test_an_unseen_error_is_logged_once(make_async_runner, caplog):
    async with make_async_runner() as runner:
        runner.service(failing.fail)("unseen")
    assert len([record for record in caplog.records if "unseen" in caplog.handler.format(record)]) == 1
    caplog.clear()
    async with make_async_runner() as runner:
        with pytest.raises(ValueError, match="looked"):
            await runner.service(failing.fail)("looked at")
    assert "looked" not in caplog.text


async def test_cancelling_the_task_cancels_the_call(make_async_runner, tmp_path):
    async with make_async_runner() as runner:
        sleep = runner.service(functions.sleep_for_ever, instances=1)
        call = sleep(str(tmp_path / "started"))
        waiting = sleep(str(tmp_path / "second"))

        async def use(call):
            await call

        tasks = [asyncio.create_task(use(each)) for each in (call, waiting)]
        await runner.service(functions.wait_for_file)(str(tmp_path / "started"))
        for each in reversed(tasks):
            each.cancel()
        await asyncio.wait(tasks)
        assert all(each.cancelled() for each in tasks)
        assert isinstance(await asyncio.to_thread(call.expr.exception, 30), TaskCancelled)
        assert isinstance(await asyncio.to_thread(waiting.expr.exception, 30), TaskCancelled)
        assert not (tmp_path / "second").exists()


async def test_a_timeout_of_asyncio_cancels_the_call(make_async_runner, tmp_path):
    async with make_async_runner() as runner:
        sleep = runner.service(functions.sleep_for_ever, instances=1)
        call = sleep()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(call, 0.1)
        assert isinstance(await asyncio.to_thread(call.expr.exception, 30), TaskCancelled)


async def test_cancel_of_an_expr_is_seen_at_await(make_async_runner):
    async with make_async_runner() as runner:
        call = runner.service(functions.sleep_for_ever)()
        call.expr.cancel()
        with pytest.raises(TaskCancelled):
            await call


async def test_calls_as_arguments(make_async_runner):
    async with make_async_runner() as runner:
        add, total = runner.service(functions.add), runner.service(functions.total)
        first = add(1, 2)
        assert (await add(first, 10)).get() == 13
        assert (await total([add(1, 2), await add(3, 4), runner.put(5)])).get() == 15
        assert (await add(a=add(1, 1), b=first)).get() == 5


async def test_map_and_options(make_async_runner):
    async with make_async_runner() as runner:
        scale = runner.service(functions.scale)
        exprs = await asyncio.gather(*scale.map(range(10)))
        assert [expr.get() for expr in exprs] == [2 * n for n in range(10)]
        assert (await scale.options(timeout=20)(4)).get() == 8
        counter = runner.service(classes.Counter)
        await asyncio.gather(*counter.add.map(range(10)))
        assert (await counter.get_counter.options(timeout=20)()).get() == 45


async def test_keyword_arguments_named_self(make_async_runner):
    async with make_async_runner() as runner:
        assert (await runner.service(functions.collect)(self=1)).get() == ((), {"self": 1})


async def test_large_objects(make_async_runner):
    numpy = pytest.importorskip("numpy")
    array = numpy.arange(1_000_000)
    async with make_async_runner() as runner:
        expr = await runner.service(functions.identity)(array)
        assert numpy.array_equal(expr.get(), array)


async def test_streams(make_async_runner):
    def produce(count):
        yield from range(count)

    async with make_async_runner() as runner:
        stream = runner.service(produce)
        expr = await stream(100)
        assert [item async for item in expr] == list(range(100))
        assert await (await stream(50)) == list(range(50))


async def test_handles_travel_to_tasks(make_async_runner):
    async with make_async_runner() as runner:
        scale = runner.service(functions.scale)
        assert (await runner.service(functions.call_twice)(scale, 3)).get() == 12


async def test_closing_a_service(make_async_runner):
    async with make_async_runner() as runner:
        add = runner.service(functions.add)
        call = add(1, 2)
        await add.aclose()
        assert (await call).get() == 3
        with pytest.raises(flamepy.ServiceClosed):
            add(1, 2)


async def test_two_async_runners_on_one_loop(make_async_runner):
    async with make_async_runner() as one, make_async_runner() as two:
        add, scale = one.service(functions.add), two.service(functions.scale)
        exprs = await asyncio.gather(*[call for n in range(50) for call in (add(n, 1), scale(n))])
        assert [expr.get() for expr in exprs[:4]] == [1, 0, 2, 2]


async def test_an_async_runner_and_a_plain_one_together(make_async_runner, make_runner):
    async with make_async_runner() as one:
        with make_runner() as two:
            expr = two.service(functions.add)(1, 2)
            assert (await one.service(functions.add)(expr, 1)).get() == 4
            assert await expr == 3


async def test_an_exception_leaves_the_block_and_cancels(make_async_runner, storage):
    with pytest.raises(RuntimeError, match="leave"):  # noqa: PT012 - the block is what is tested
        async with make_async_runner() as runner:
            call = runner.service(functions.sleep_for_ever)()
            raise RuntimeError("leave")
    assert isinstance(call.expr.exception(), TaskCancelled)
    assert list(storage.iterdir()) == []


async def test_cancelled_while_inside(make_async_runner, storage, tmp_path):
    inside = asyncio.Event()

    async def use():
        async with make_async_runner() as runner:
            call = runner.service(functions.sleep_for_ever)()
            inside.set()
            await call

    task = asyncio.create_task(use())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert list(storage.iterdir()) == []


def test_a_runner_used_by_two_loops_in_turn(make_async_runner):
    with make_async_runner() as runner:
        add = runner.service(functions.add)

        async def use(n):
            return (await add(n, 1)).get()

        assert [asyncio.run(use(n)) for n in range(3)] == [1, 2, 3]
        assert add(1, 2).get() == 3


def test_reprs(make_async_runner):
    with make_async_runner("twin") as runner:
        assert repr(runner) == "<FlameAsyncRunner twin: open, 0 services>"
        add = runner.service(functions.add)
        assert "add" in repr(add)

        async def look():
            call = add(1, 2)
            text = repr(call)
            await call
            return text, repr(call)

        before, after = asyncio.run(look())
        assert before.startswith("<call of <ObjectExpr")
        assert "done: 3" in after
