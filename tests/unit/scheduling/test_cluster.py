"""The scheduling core by example; properties of all sequences are in tests/property."""

from __future__ import annotations

import pytest

from flamepy.errors import ResourcesUnavailable
from flamepy.model.lifecycle import ExecutorState
from flamepy.model.specs import Resources
from flamepy.scheduling.cluster import Cluster
from flamepy.scheduling.events import (
    Backlog,
    ExecutorEnded,
    ExecutorIdle,
    ExecutorReady,
    ExecutorStarted,
    Hold,
    ReleaseExecutor,
    SessionClosed,
    SessionOpened,
    StartExecutor,
    StartFailed,
)

ONE_CPU = Resources(cpu=1)


@pytest.fixture
def cluster():
    return Cluster(Resources(cpu=2, memory=8))


def bound(cluster, number):
    cluster.handle(ExecutorStarted(number))
    cluster.handle(ExecutorReady(number))
    assert cluster.state_of(number) is ExecutorState.BOUND


def test_the_least_starts_at_once_and_the_most_is_the_end(cluster):
    assert cluster.handle(SessionOpened("s", 2, 3, Resources())) == [StartExecutor(1, "s"), StartExecutor(2, "s")]
    assert cluster.handle(Backlog("s", 100)) == [StartExecutor(3, "s")]
    assert cluster.handle(Backlog("s", 100)) == []


def test_who_does_not_fit_waits_and_is_served_when_somebody_ends(cluster):
    cluster.handle(SessionOpened("a", 2, 2, ONE_CPU))
    (hold,) = cluster.handle(SessionOpened("b", 1, 1, ONE_CPU))
    assert hold == Hold("b", "no executor fits cpu=1: 0 of 2 are free")
    cluster.handle(SessionClosed("a"))
    assert cluster.handle(ExecutorEnded(1)) == [StartExecutor(3, "b")]


def test_the_impossible_is_refused(cluster):
    with pytest.raises(ResourcesUnavailable, match="cpu=3 can never be had: this machine has 2"):
        cluster.handle(SessionOpened("s", 1, 1, Resources(cpu=3)))
    assert cluster.handle(SessionClosed("s")) == []


def test_an_idle_executor_goes_unless_it_is_one_of_the_least(cluster):
    cluster.handle(SessionOpened("s", 1, 2, Resources(), 2))
    for number in (1, 2):
        bound(cluster, number)
    assert cluster.handle(ExecutorIdle(2)) == [ReleaseExecutor(2)]
    assert cluster.handle(ExecutorIdle(1)) == []
    assert cluster.handle(ExecutorEnded(2)) == []


def test_a_dead_executor_is_replaced(cluster):
    cluster.handle(SessionOpened("s", 1, 1, Resources()))
    assert cluster.handle(ExecutorEnded(1)) == [StartExecutor(2, "s")]


def test_a_start_that_failed_is_not_begun_anew_by_itself(cluster):
    cluster.handle(SessionOpened("s", 1, 1, ONE_CPU))
    assert cluster.handle(StartFailed(1)) == []
    assert cluster.handle(Backlog("s", 1)) == [StartExecutor(2, "s")]
    cluster.check_invariants()


def test_events_about_nobody_are_nothing(cluster):
    for event in (
        ExecutorEnded(9),
        ExecutorIdle(9),
        ExecutorReady(9),
        ExecutorStarted(9),
        StartFailed(9),
        SessionClosed("x"),
    ):
        assert cluster.handle(event) == []
