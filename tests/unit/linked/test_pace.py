"""How much executors are given ahead, and when more of them pay."""

from __future__ import annotations

import pytest

from flamepy.engines.linked import pace

MICRO, MILLI = 1e-6, 1e-3


@pytest.mark.parametrize(
    ("cost", "latency", "calls"),
    [
        (0.0, 0.0, 1),  # nothing is known: one call tells
        (0.0, 50 * MILLI, 1),
        (2 * MICRO, 0.0, 500),
        (0.1 * MICRO, 0.0, pace.WINDOW),
        (1.0, 0.0, 1),
        (1.0, 50 * MILLI, 1),  # however far: another executor could have the second one
        (100 * MICRO, 50 * MILLI, 1010),
        (1 * MICRO, 50 * MILLI, pace.WIDEST),
    ],
)
def test_calls_ahead_fill_a_moment_and_the_way(cost: float, latency: float, calls: int):
    assert pace.ahead(cost, latency) == calls


def test_the_way_is_filled_whatever_it_is():
    for latency in (MILLI, 10 * MILLI, 100 * MILLI):
        for cost in (20 * MICRO, 100 * MICRO, MILLI):
            assert pace.ahead(cost, latency) * cost >= latency


def test_the_only_executor_has_no_small_window():
    assert pace.window(1.0, 0.0) == pace.WINDOW
    assert pace.window(1.0, 50 * MILLI) == pace.WINDOW
    assert pace.window(0.0, 50 * MILLI) == pace.WINDOW
    assert pace.window(5 * MICRO, 20 * MILLI) > pace.WINDOW


def test_a_shorter_way_is_believed_at_once_and_a_longer_one_slowly():
    assert pace.believed(0.010, 0.002) == 0.002
    assert pace.believed(0.002, 0.010) == pytest.approx(0.003)
    latency = 0.002
    for _ in range(100):
        latency = pace.believed(latency, 0.050)
    assert latency == pytest.approx(0.050, rel=0.01)


def test_clocks_that_disagree_make_no_negative_way():
    assert pace.believed(0.001, -0.5) == 0.0


@pytest.mark.parametrize(
    ("links", "queued", "cost", "start", "executors"),
    [
        (1, 50_000, 2 * MICRO, 0.3, 1),  # a tenth of a second of work: nobody would be there in time
        (8, 50_000, 100 * MICRO, 0.5, 11),  # five seconds of work
        (3, 2, 1.0, 0.3, 5),  # long calls: one for each, and no more than there are
        (1, 1000, 1.0, 0.3, 2),  # one after the other: the first call may have loaded what the next ones find
        (1, 100, 0.01, 60.0, 2),  # an installation that took a minute is not repeated
        (8, 1, 0.01, 0.3, 8),  # what is there is there
        (4, 10, 0.0, 0.3, 8),  # no answer for a while
        (4, 1, 0.0, 0.3, 5),
        (1, 100, 2 * MILLI, 0.0, 11),  # on this machine
        (1, 2, 1.0, 0.0, 3),
    ],
)
def test_more_executors_come_when_they_pay(links: int, queued: int, cost: float, start: float, executors: int):
    assert pace.wanted(links, queued, cost, start) == executors


def test_executors_that_are_starting_count():
    for queued, cost in ((1000, MILLI), (3, 1.0), (3, 0.0)):
        first = pace.wanted(1, queued, cost, 0.2)
        assert pace.wanted(first, queued, cost, 0.2, starting=first - 1) == first
