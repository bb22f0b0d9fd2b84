"""A great many calls: each result right, each failure at its own get(), memory flat."""

from __future__ import annotations

import gc

import psutil
import pytest
from workshop import classes, failing, functions

import flamepy

MIB = 1 << 20
CALLS = 100_000


def resident() -> int:
    gc.collect()
    return psutil.Process().memory_info().rss


@pytest.mark.slow
def test_a_hundred_thousand_calls_with_a_failing_one_in_every_thousand(runner):
    fail_every = runner.service(failing.fail_every)
    flamepy.get([fail_every(n, CALLS) for n in range(1, 1000)])
    before = resident()
    exprs = [fail_every(n, 1000) for n in range(CALLS)]
    failures = 0
    for number, expr in enumerate(exprs):
        if number % 1000 == 0:
            with pytest.raises(ValueError, match=f"^{number}\\b"):
                expr.get()
            failures += 1
        else:
            assert expr.get() == number
    assert failures == 100
    del exprs, expr
    assert resident() - before < 100 * MIB


@pytest.mark.slow
def test_memory_stays_flat_over_rounds_of_calls(runner):
    add, counter = runner.service(functions.add), runner.service(classes.Counter)

    def one_round() -> None:
        flamepy.get([add(n, 1) for n in range(5_000)])
        flamepy.get([add(n, b=[]) for n in range(0)])
        for number in range(2_000):
            counter.add(number)
        flamepy.get(runner.service(functions.identity).map([[n] for n in range(2_000)]))

    one_round()
    before = resident()
    for _ in range(8):
        one_round()
    assert resident() - before < 40 * MIB


@pytest.mark.slow
def test_memory_stays_flat_over_rounds_of_large_objects(runner):
    numpy = pytest.importorskip("numpy")
    increase = runner.service(lambda array: array + 1)

    def one_round(number: int) -> None:
        results = increase.map([numpy.full(MIB, number, dtype=numpy.uint8) for _ in range(10)])
        assert all((expr.get() == number + 1).all() for expr in results)

    for number in range(3):
        one_round(number)
    before = resident()
    for number in range(20):
        one_round(number)
    assert resident() - before < 60 * MIB
