"""Entering and leaving runners: package, storage, tasks that are under way, many at once."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from workshop import classes, functions

import flamepy
from flamepy import EngineClosed, ServiceClosed, TaskCancelled


class Stop(Exception):
    """Leaves a block."""


def test_the_package_is_in_the_storage_inside_the_block_only(make_runner, storage):
    with make_runner("parcel"):
        assert [path.name for path in storage.iterdir()] == ["parcel.tar.gz"]
    assert list(storage.iterdir()) == []


def test_an_exception_leaves_the_storage_empty_too(make_runner, storage):
    with pytest.raises(Stop), make_runner():
        raise Stop
    assert list(storage.iterdir()) == []


def test_executors_run_the_package_not_the_working_tree(runner, project):
    where = runner.service(functions.where_am_i)().get()
    assert where.endswith("src/workshop/functions.py")
    assert not where.startswith(str(project))
    assert where != functions.__file__


def test_a_package_of_the_same_name_is_used_and_kept(make_runner, storage):
    with make_runner("shared") as first, make_runner("shared") as second:
        assert first.service(functions.add)(1, 2).get() == 3
        assert second.service(functions.add)(3, 4).get() == 7
    assert list(storage.iterdir()) == []


def test_a_package_with_other_content_is_used_with_a_warning(make_runner, project, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "unrelated.py").write_text("VALUE = 1\n")
    with make_runner("shared"), pytest.warns(UserWarning, match="overwrite=True"), make_runner("shared", project=other):
        pass


def test_leaving_waits_for_submitted_tasks(make_runner, tmp_path):
    go, log = tmp_path / "go", tmp_path / "log"
    with make_runner() as runner:
        wait = runner.service(functions.wait_for_file)
        append = runner.service(functions.append)
        late = wait(str(go))
        append(str(log), "x")
        append(str(log), "y")
        go.touch()
    assert sorted(log.read_text()) == ["x", "y"]
    assert late.get() == str(go)


def test_results_outlive_the_runner(make_runner):
    with make_runner() as runner:
        expr = runner.service(functions.identity)([1, [2]])
    assert expr.done()
    assert expr.get() == [1, [2]]


def test_leaving_by_an_exception_cancels_what_waits_and_stops_what_runs(make_runner, tmp_path):
    started = tmp_path / "started"
    with pytest.raises(Stop), make_runner() as runner:  # noqa: PT012 - the block is what is tested
        log = runner.service(classes.Log)
        go = runner.service(functions.announce_and_wait, instances=1)
        blocked = log.write_when(1, str(tmp_path / "never"))
        waiting = log.write(2)
        sleeper = runner.service(functions.sleep_for_ever, instances=1)
        running = sleeper(str(started))
        assert go(str(tmp_path / "a"), str(started)).get() == str(started)
        raise Stop
    for expr in (blocked, waiting, running):
        assert expr.done()
        assert isinstance(expr.exception(), TaskCancelled)


def test_a_runner_cannot_be_entered_twice_at_once(make_runner):
    runner = make_runner()
    with runner, pytest.raises(EngineClosed, match="in use"):
        runner.__enter__()


def test_a_runner_can_be_entered_again(make_runner):
    runner = make_runner()
    for _ in range(2):
        with runner:
            assert runner.service(functions.add)(1, 2).get() == 3


def test_a_failed_entry_leaves_nothing(make_runner, storage, tmp_path):
    runner = make_runner(project=tmp_path / "missing")
    with pytest.raises(flamepy.PackageError, match="missing"):
        runner.__enter__()
    assert list(storage.iterdir()) == []
    assert "closed" in repr(runner)


def test_services_and_objects_need_an_open_runner(make_runner):
    runner = make_runner()
    with pytest.raises(EngineClosed, match="with block"):
        runner.service(functions.add)
    with pytest.raises(EngineClosed, match="with block"):
        runner.put(1)
    with runner:
        pass
    with pytest.raises(EngineClosed, match="with block"):
        runner.service(functions.add)


def test_calls_after_the_block_fail_at_once(make_runner):
    with make_runner() as runner:
        add, counter = runner.service(functions.add), runner.service(classes.Counter)
        assert add(1, 2).get() == 3
    for call in (lambda: add(1, 2), lambda: counter.add(1), lambda: add.map([1], [2]), lambda: add(a=1, b=2)):
        with pytest.raises(EngineClosed):
            call()


def test_calls_after_close_fail_at_once_and_other_services_go_on(runner):
    add, counter = runner.service(functions.add), runner.service(classes.Counter)
    expr = add(1, 2)
    add.close()
    assert expr.done()
    assert expr.get() == 3
    with pytest.raises(ServiceClosed, match="add"):
        add(1, 2)
    add.close()
    counter.add(1)
    assert counter.get_counter().get() == 1


def test_close_waits_for_the_services_tasks(runner, tmp_path):
    log = runner.service(classes.Log)
    exprs = [log.write(n) for n in range(100)]
    log.close()
    assert all(expr.done() for expr in exprs)


def test_several_runners_at_once(make_runner):
    with make_runner() as one, make_runner() as two, make_runner() as three:
        services = [each.service(classes.Counter(n)) for n, each in enumerate((one, two, three))]
        for service in services:
            service.add(10)
        assert flamepy.get([service.get_counter() for service in services]) == [10, 11, 12]


def test_runners_end_in_any_order(make_runner):
    first, second = make_runner(), make_runner()
    first.__enter__()
    second.__enter__()
    add = second.service(functions.add)
    first.__exit__(None, None, None)
    assert add(1, 2).get() == 3
    second.__exit__(None, None, None)


def test_runners_in_threads(make_runner):
    def work(number: int) -> int:
        with make_runner() as runner:
            counter = runner.service(classes.Counter(number))
            counter.add(1)
            return counter.get_counter().get()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, range(8))) == list(range(1, 9))


def test_runners_of_one_name_in_threads(make_runner, storage):
    barrier = threading.Barrier(3)

    def work(number: int) -> int:
        barrier.wait()
        with make_runner("same") as runner:
            result = runner.service(functions.add)(number, 1).get()
            barrier.wait()
            return result

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(work, range(3))) == [1, 2, 3]
    assert list(storage.iterdir()) == []


def test_objects_of_one_runner_in_another(make_runner):
    with make_runner() as one, make_runner() as two:
        expr = one.service(functions.add)(1, 2)
        assert two.service(functions.add)(expr, 3).get() == 6
        assert two.service(functions.total)([expr, one.put(4)]).get() == 7


def test_one_service_from_many_threads(runner):
    add = runner.service(functions.add)

    def work(number: int) -> list[int]:
        return [add(number, n).get() for n in range(50)]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == [[number + n for n in range(50)] for number in range(8)]


def test_a_wrong_name_is_refused(make_runner):
    with pytest.raises(flamepy.FlameError, match="name"):
        make_runner("../escape").__enter__()


def test_an_async_runner_in_a_plain_with(make_async_runner, storage):
    with make_async_runner("twin") as runner:
        assert [path.name for path in storage.iterdir()] == ["twin.tar.gz"]
        assert runner.service(functions.add)(1, 2).get() == 3
    assert list(storage.iterdir()) == []


def test_an_async_runner_in_an_async_with(make_async_runner, storage):
    async def main() -> int:
        async with make_async_runner() as runner:
            return (await runner.service(functions.add)(1, 2)).get()

    assert asyncio.run(main()) == 3
    assert list(storage.iterdir()) == []
