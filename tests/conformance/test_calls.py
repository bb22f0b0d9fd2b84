"""Calls: arguments, defaults, map, options, and many at once."""

from __future__ import annotations

import os

import pytest
from workshop import classes, functions

import flamepy


def test_a_call_returns_at_once(runner, tmp_path):
    expr = runner.service(functions.wait_for_file)(str(tmp_path / "go"))
    assert not expr.done()
    (tmp_path / "go").touch()
    assert expr.get() == str(tmp_path / "go")


def test_tasks_run_in_other_processes(runner):
    assert runner.service(functions.process_id)().get() != os.getpid()


def test_keyword_arguments_and_defaults(runner):
    scale = runner.service(functions.scale)
    assert scale(2).get() == 4
    assert scale(2, 3).get() == 6
    assert scale(2, factor=3).get() == 6
    assert scale(value=2, offset=1).get() == 5
    assert scale(2, offset=1, factor=5).get() == 11


def test_any_number_of_arguments(runner):
    collect = runner.service(functions.collect)
    assert collect().get() == ((), {})
    assert collect(*range(100)).get() == (tuple(range(100)), {})
    assert collect(1, a=2, self=3, timeout=4).get() == ((1,), {"a": 2, "self": 3, "timeout": 4})


def test_none_is_a_result(runner):
    expr = runner.service(functions.nothing)()
    assert expr.get() is None
    assert expr.exception() is None
    assert expr.done()


def test_get_gives_the_same_object_each_time(runner):
    expr = runner.service(functions.identity)([1, 2])
    assert expr.get() is expr.get()


@pytest.mark.parametrize(
    "value",
    [
        0, -1, 2**63, -(2**200), 1.5, float("inf"), 1 + 2j, True, None, "", "é€😀", "\ud800", b"", b"\0\xff", (),
        (1, (2,)), [], {}, {"a": [1]}, {1, 2}, frozenset({1}), bytearray(b"x"), range(3), slice(1, 2), ...,
        NotImplemented, int, len, os.sep, functions.add, classes.Counter,
    ],
    ids=lambda value: repr(value)[:14].encode("ascii", "backslashreplace").decode(),
)  # fmt: skip
def test_values_travel_unchanged(runner, value):
    result = runner.service(functions.identity)(value).get()
    assert type(result) is type(value)
    assert result == value


@pytest.mark.parametrize("kind", [int, str, float, tuple, list, dict, bytes])
def test_subclasses_keep_their_type(runner, kind):
    made = type("Special", (kind,), {})()
    assert runner.service(functions.kind_of)(made).get().endswith("Special")
    result = runner.service(functions.identity)(made).get()
    assert type(result).__name__ == "Special"


def test_arguments_may_change_after_the_call(runner, tmp_path):
    log = runner.service(classes.Log)
    log.write_when("first", str(tmp_path / "go"))
    entry = [1]
    log.write(entry)
    entry.append(2)
    (tmp_path / "go").touch()
    assert log.read().get() == ["first", [1]]


@pytest.mark.parametrize("size", [1023, 1024, 1025, 65535, 65536, 65537, 300_000])
@pytest.mark.parametrize("letter", ["a", "é", b"a"])
def test_texts_around_the_inline_limits(runner, size, letter):
    value = letter * size
    assert runner.service(functions.size_of)(value).get() == size
    expr = runner.service(functions.identity)(value)
    assert expr.get() == value
    assert runner.service(functions.size_of)(expr).get() == size


@pytest.mark.parametrize("count", [255, 256, 257, 5_000, 100_000])
def test_big_tuples(runner, count):
    value = tuple(range(count))
    assert runner.service(functions.identity)(value).get() == value
    assert runner.service(functions.collect)(*value).get() == (value, {})


# ---- map


def test_map(runner):
    scale = runner.service(functions.scale)
    exprs = scale.map(range(100))
    assert isinstance(exprs, list)
    assert flamepy.get(exprs) == [2 * n for n in range(100)]


def test_map_of_several_iterables(runner):
    add = runner.service(functions.add)
    assert flamepy.get(add.map([1, 2, 3], (10, 20, 30))) == [11, 22, 33]
    assert flamepy.get(add.map([1, 2, 3], [10])) == [11]
    assert add.map([], []) == []


def test_map_of_a_generator_and_of_results(runner):
    add, scale = runner.service(functions.add), runner.service(functions.scale)
    first = scale.map(n for n in range(10))
    assert flamepy.get(add.map(first, first)) == [4 * n for n in range(10)]


def test_map_of_a_method(runner):
    counter = runner.service(classes.Counter)
    counter.add.map(range(101))
    assert counter.get_counter().get() == 5050


def test_map_checks_arguments(runner):
    with pytest.raises(TypeError):
        runner.service(functions.add).map([1, 2])


# ---- options


def test_options_give_another_method_and_leave_the_first(runner):
    scale = runner.service(functions.scale)
    other = scale.options(timeout=30, retries=2, priority=1)
    assert other(2, offset=1).get() == 5
    assert flamepy.get(other.map([1, 2])) == [2, 4]
    assert flamepy.get(other.options(timeout=20).map([1, 2])) == [2, 4]
    assert scale(1).get() == 2


def test_unknown_options_are_refused(runner):
    with pytest.raises(TypeError, match="tiemout"):
        runner.service(functions.scale).options(tiemout=1)


def test_options_of_a_method(runner):
    counter = runner.service(classes.Counter)
    counter.add.options(timeout=30)(5)
    assert counter.get_counter.options(timeout=30)().get() == 5


def test_priority_goes_first(runner, tmp_path):
    log, started, go = (str(tmp_path / name) for name in ("log", "started", "go"))
    any_of_them = runner.service(functions.call_by_name, instances=1)
    first = any_of_them("announce_and_wait", started, go)
    runner.service(functions.wait_for_file)(started).get()
    # The only executor is busy: what comes now is sorted by priority.
    rest = [any_of_them.options(priority=p)("append", log, str(p)) for p in (0, 1, 5, 1, 0)]
    functions.announce(go)
    flamepy.get([first, *rest])
    assert (tmp_path / "log").read_text() == "51100"


# ---- resources


def test_resources_that_there_are(runner):
    assert runner.service(functions.add, resources={"cpu": 1})(1, 2).get(timeout=30) == 3
    assert runner.service(functions.add, resources=flamepy.Resources(memory=1 << 20))(1, 2).get(timeout=30) == 3


@pytest.mark.parametrize("resources", [{"cpu": 1e6}, {"memory": 1 << 60}, {"gpu": 10_000}, {"unicorn": 1}])
def test_resources_that_there_never_are_fail_at_once(runner, resources):
    with pytest.raises(flamepy.ResourcesUnavailable):
        runner.service(functions.add, resources=resources)
    assert runner.service(functions.add)(1, 2).get(timeout=30) == 3


@pytest.mark.parametrize("resources", [{"cpu": "many"}, {"memory": -1}, {"custom": {"unicorn": 1}}])
def test_resources_that_are_no_amounts(runner, resources):
    with pytest.raises(flamepy.ServiceError, match="resources"):
        runner.service(functions.add, resources=resources)


# ---- many executors


def test_elastic_functions_run_in_parallel(runner, tmp_path):
    meet = runner.service(functions.meet, instances=(0, 3))
    processes = flamepy.get(meet.map([str(tmp_path)] * 3, range(3), [3] * 3), timeout=30)
    assert len(set(processes)) == 3


def test_a_function_with_a_fixed_number_of_executors(runner, tmp_path):
    meet = runner.service(functions.meet, instances=4)
    processes = flamepy.get(meet.map([str(tmp_path)] * 4, range(4), [4] * 4), timeout=30)
    assert len(set(processes)) == 4


def test_one_executor_runs_one_at_a_time(runner):
    process_id = runner.service(functions.process_id, instances=1)
    assert len(set(flamepy.get([process_id() for _ in range(200)]))) == 1


def test_never_more_executors_than_allowed(runner, tmp_path):
    append = runner.service(functions.process_id, instances=(1, 2))
    assert len(set(flamepy.get([append() for _ in range(2000)]))) <= 2


def test_a_long_task_does_not_hold_up_others(runner, tmp_path):
    wait = runner.service(functions.wait_for_file, instances=2)
    (tmp_path / "there").touch()
    stuck = wait(str(tmp_path / "go"))
    others = [wait(str(tmp_path / "there")) for _ in range(300)]
    flamepy.get(others, timeout=30)
    assert not stuck.done()
    (tmp_path / "go").touch()
    stuck.get()


def test_calls_behind_one_that_keeps_its_interpreter_to_itself(runner):
    count_up = runner.service(functions.count_up, instances=2)
    long = 10_000_000
    for _ in range(5):  # answers of short ones, unsent as yet, leave together with the word that the rest is not taken
        numbers = [0, 1, 1, long, *[2] * 40]
        calls = [count_up(number) for number in numbers]
        assert flamepy.get(calls, timeout=30) == [n * (n - 1) // 2 for n in numbers]


def test_a_pool_of_a_class_has_independent_instances(runner, tmp_path):
    pool = runner.service(classes.Log, instances=3)
    seen = set(flamepy.get([pool.identity() for _ in range(300)]))
    assert 1 <= len(seen) <= 3
    waits = [pool.write_when(n, str(tmp_path / "go")) for n in range(3)]
    # Each instance has one task, so the next one has to wait: all three are in use.
    (tmp_path / "go").touch()
    flamepy.get(waits, timeout=30)


def test_a_pool_runs_in_parallel(runner, tmp_path):
    class Room:
        def meet(self, folder, number, count):
            return functions.meet(folder, number, count)

    pool = runner.service(Room, instances=3)
    processes = flamepy.get(pool.meet.map([str(tmp_path)] * 3, range(3), [3] * 3), timeout=30)
    assert len(set(processes)) == 3
