"""Services used inside tasks: they never wait for each other for ever."""

from __future__ import annotations

import pytest
from workshop import classes, coroutines, failing, functions

import flamepy

PATIENCE = 30
"""Seconds after which these tests call it a deadlock."""


def test_a_handle_as_an_argument(runner):
    scale = runner.service(functions.scale)
    assert runner.service(functions.call_twice)(scale, 3).get(PATIENCE) == 12


def test_a_handle_of_an_instance_as_an_argument(runner):
    counter = runner.service(classes.Counter(1))
    use = runner.service(functions.call_method)
    assert use(counter, 4).get(PATIENCE) == 5
    assert counter.get_counter().get(PATIENCE) == 5


def test_a_handle_inside_an_argument_and_in_a_closure(runner):
    scale = runner.service(functions.scale)

    def use(tools):
        return tools["scale"][0](scale(1)).get()

    assert runner.service(use)({"scale": [scale]}).get(PATIENCE) == 4


def test_a_handle_kept_by_an_instance(runner):
    scale = runner.service(functions.scale)

    class Chain:
        def __init__(self, service):
            self.service = service

        def run(self, value):
            return self.service(value).get()

    chain = runner.service(Chain(scale))
    assert chain.run(1).get(PATIENCE) == 2
    assert chain.run(2).get(PATIENCE) == 4


def test_the_service_itself_as_an_argument(runner):
    fibonacci = runner.service(functions.fibonacci)
    assert fibonacci(fibonacci, 10).get(PATIENCE) == 55


@pytest.mark.parametrize("instances", [1, 2, (0, 3)])
def test_recursion_deeper_than_there_are_executors(runner, instances):
    countdown = runner.service(functions.countdown, instances=instances)
    assert countdown(countdown, 20).get(PATIENCE) == 20


def test_many_recursions_at_once(runner):
    fibonacci = runner.service(functions.fibonacci, instances=2)
    exprs = [fibonacci(fibonacci, 6) for _ in range(10)]
    assert flamepy.get(exprs, timeout=PATIENCE) == [8] * 10


def test_instances_that_call_each_other(runner):
    one, two = runner.service(classes.Partner("one")), runner.service(classes.Partner("two"))
    assert one.throw(one, two, 9).get(PATIENCE) == 9
    assert one.count_calls().get(PATIENCE) + two.count_calls().get(PATIENCE) == 10


def test_instances_that_call_each_other_from_both_sides(runner):
    one, two = runner.service(classes.Partner("one")), runner.service(classes.Partner("two"))
    exprs = [expr for _ in range(5) for expr in (one.throw(one, two, 4), two.throw(two, one, 4))]
    assert flamepy.get(exprs, timeout=PATIENCE) == [4] * 10


def test_an_instance_that_calls_itself(runner):
    partner = runner.service(classes.Partner)
    assert partner.throw(partner, partner, 5).get(PATIENCE) == 5


def test_an_error_inside_keeps_its_type(runner):
    fail = runner.service(failing.fail_deep)

    def use(service):
        try:
            service("nothing left").get()
        except failing.OutOfStock as error:
            return f"caught {error}"

    assert runner.service(use)(fail).get(PATIENCE) == "caught nothing left"


def test_an_error_that_passes_through_keeps_its_type(runner):
    fail = runner.service(failing.fail_deep)
    with pytest.raises(failing.OutOfStock, match="nothing left"):
        runner.service(lambda service: service("nothing left").get())(fail).get(PATIENCE)


def test_wrong_names_and_arguments_inside(runner):
    counter = runner.service(classes.Counter)

    def misuse(service):
        problems = []
        for use in (lambda: service.ad(1), lambda: service.add(1, 2, 3)):
            try:
                use()
            except (AttributeError, TypeError) as error:
                problems.append(type(error).__name__)
        return problems

    assert runner.service(misuse)(counter).get(PATIENCE) == ["AttributeError", "TypeError"]


def test_keyword_arguments_and_options_inside(runner):
    scale = runner.service(functions.scale)

    def use(service):
        return service(2, offset=1).get() + service.options(timeout=20)(value=1, factor=10).get()

    assert runner.service(use)(scale).get(PATIENCE) == 15


def test_exceptions_to_run_again_after_are_named_inside(runner, tmp_path):
    service = runner.service(failing.fail_once)

    def use(service, path, named):
        return service.options(retries=1, retry_exceptions=named)(path, 7).get()

    use_service = runner.service(use)
    assert use_service(service, str(tmp_path / "a"), (failing.OutOfStock,)).get(PATIENCE) == 7
    assert isinstance(use_service(service, str(tmp_path / "b"), (KeyError,)).exception(PATIENCE), failing.OutOfStock)


def test_map_and_waiting_inside(runner):
    scale = runner.service(functions.scale)

    def use(service):
        exprs = service.map(range(10))
        done, pending = flamepy.wait(exprs)
        return sum(flamepy.get(done)), len(pending), len(list(flamepy.as_completed(exprs)))

    assert runner.service(use)(scale).get(PATIENCE) == (90, 0, 10)


def test_results_as_arguments_inside(runner):
    scale, total = runner.service(functions.scale), runner.service(functions.total)

    def use(scale, total):
        return total([scale(1), scale(scale(1)), 100]).get()

    assert runner.service(use)(scale, total).get(PATIENCE) == 106


def test_large_objects_inside(runner):
    import numpy

    identity = runner.service(functions.identity)

    def use(service, array):
        back = service(array).get()
        return back + 1

    array = numpy.arange(100_000)
    assert numpy.array_equal(runner.service(use)(identity, array).get(PATIENCE), array + 1)


def test_a_result_that_is_not_waited_for_can_be_returned(runner):
    scale = runner.service(functions.scale)
    assert runner.service(lambda service: service(21))(scale).get(PATIENCE) == 42
    assert runner.service(lambda service: [service(1), {"x": service(2)}])(scale).get(PATIENCE) == [2, {"x": 4}]


def test_calls_from_coroutines(runner):
    double = runner.service(coroutines.double)
    assert runner.service(coroutines.ask)(double, 4).get(PATIENCE) == 8
    assert runner.service(coroutines.ask_many)(double, 20).get(PATIENCE) == 380


def test_calls_from_threads_of_a_task(runner):
    scale = runner.service(functions.scale)

    def use(service):
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(4) as pool:
            return sum(pool.map(lambda n: service(n).get(), range(20)))

    assert runner.service(use)(scale).get(PATIENCE) == 380


def test_a_generator_that_calls_a_service(runner):
    scale = runner.service(functions.scale)

    def produce(service, count):
        for number in range(count):
            yield service(number).get()

    assert runner.service(produce)(scale, 5).get(PATIENCE) == [0, 2, 4, 6, 8]


def test_a_stream_of_a_service_inside_a_task(runner):
    def produce(count):
        yield from range(count)

    stream = runner.service(produce)
    assert runner.service(lambda service: service(5).get())(stream).get(PATIENCE) == [0, 1, 2, 3, 4]
    assert runner.service(lambda service: list(service(40)))(stream).get(PATIENCE) == list(range(40))


def test_items_of_a_stream_arrive_inside_a_task_as_they_are_made(runner, tmp_path):
    def produce(path):
        """Goes on for ever, and says how far it got."""
        number = 0
        while True:
            with open(path, "a") as file:
                file.write("x")
            yield number
            number += 1

    def use(service, path):
        taken = []
        for item in service(path):
            taken.append(item)
            if item == 50:
                break
        return taken

    path = tmp_path / "made"
    stream = runner.service(produce)
    assert runner.service(use)(stream, str(path)).get(PATIENCE) == list(range(51))
    assert len(path.read_text()) < 51 + 4 * 16, "it was not asked for more than a few ahead, at each of its two ends"
    # Nobody wants the rest: its executor is free again.
    assert runner.service(use)(stream, str(path)).get(PATIENCE) == list(range(51))


def test_large_items_of_a_stream_inside_a_task(runner):
    def produce():
        for number in range(30):
            yield bytes([number]) * 200_000

    def use(service):
        return [(len(item), item[0]) for item in service()]

    assert runner.service(use)(runner.service(produce)).get(PATIENCE) == [(200_000, n) for n in range(30)]


def test_a_stream_that_fails_inside_a_task(runner):
    def produce():
        yield 1
        yield 2
        raise failing.OutOfStock("no more")

    def use(service):
        taken = []
        try:
            for item in service():
                taken.append(item)
        except failing.OutOfStock as error:
            return taken, str(error)

    assert runner.service(use)(runner.service(produce)).get(PATIENCE) == ([1, 2], "no more")


def test_a_stream_on_threads_and_on_the_loop_of_a_task(runner):
    def produce(count):
        yield from range(count)

    def use(service):
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(3) as pool:
            return list(pool.map(lambda count: sum(service(count)), [10, 40, 100]))

    async def use_async(service):
        return [item async for item in service(40)]

    stream = runner.service(produce, instances=3)
    assert runner.service(use)(stream).get(PATIENCE) == [45, 780, 4950]
    assert runner.service(use_async)(stream).get(PATIENCE) == list(range(40))


def test_a_service_that_is_closed_is_refused_inside(runner):
    scale = runner.service(functions.scale)
    scale.close()
    with pytest.raises(flamepy.ServiceClosed):
        runner.service(functions.call_twice)(scale, 1).get(PATIENCE)
