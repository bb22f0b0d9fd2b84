"""``async def`` targets: they run side by side in their executor."""

from __future__ import annotations

import pytest
from workshop import coroutines

import flamepy
from flamepy import TaskCancelled, TaskTimeout

PATIENCE = 30


def test_an_async_function(runner):
    double = runner.service(coroutines.double)
    assert flamepy.get([double(n) for n in range(100)], timeout=PATIENCE) == [2 * n for n in range(100)]


def test_async_methods_run_side_by_side(runner):
    meeting = runner.service(coroutines.Meeting)
    waiting = [meeting.wait() for _ in range(10)]
    assert meeting.open().get(PATIENCE) == "opened"
    assert flamepy.get(waiting, timeout=PATIENCE) == ["met"] * 10


def test_sync_methods_go_on_beside_them(runner):
    meeting = runner.service(coroutines.Meeting)
    waiting = meeting.wait()
    assert meeting.most_at_once().get(PATIENCE) == 0
    assert not waiting.done()
    meeting.open()
    assert waiting.get(PATIENCE) == "met"


@pytest.mark.parametrize("concurrency", [1, 3])
def test_concurrency_is_bounded(runner, concurrency):
    meeting = runner.service(coroutines.Meeting, concurrency=concurrency)
    flamepy.get([meeting.crowd() for _ in range(30)], timeout=PATIENCE)
    assert meeting.most_at_once().get(PATIENCE) == concurrency


def test_concurrency_is_used(runner):
    meeting = runner.service(coroutines.Meeting)
    flamepy.get([meeting.crowd(200) for _ in range(30)], timeout=PATIENCE)
    assert meeting.most_at_once().get(PATIENCE) > 1


def test_an_error(runner):
    meeting = runner.service(coroutines.Meeting)
    with pytest.raises(LookupError, match="in a coroutine") as caught:
        meeting.fail().get(PATIENCE)
    assert "in fail" in str(caught.value.__cause__)
    assert "flamepy/runtime" not in str(caught.value.__cause__)


def test_cancel_is_seen_inside(runner):
    meeting = runner.service(coroutines.Meeting)
    expr = meeting.for_ever()
    assert meeting.most_at_once().get(PATIENCE) == 0
    meeting.crowd().get(PATIENCE)  # the loop has run: the coroutine waits
    assert expr.cancel()
    assert isinstance(expr.exception(PATIENCE), TaskCancelled)
    meeting.crowd().get(PATIENCE)
    assert meeting.read_log().get(PATIENCE) == ["cancelled"]


def test_a_timeout(runner):
    meeting = runner.service(coroutines.Meeting)
    expr = meeting.for_ever.options(timeout=0.2)()
    assert isinstance(expr.exception(PATIENCE), TaskTimeout)
    assert meeting.open().get(PATIENCE) == "opened"


def test_results_of_any_kind(runner):
    async def give(value):
        return value

    give_it = runner.service(give)
    for value in (1, "x" * 100_000, [1, {"a": 2}], None):
        assert give_it(value).get(PATIENCE) == value


def test_leaving_waits_for_coroutines(make_runner):
    with make_runner() as runner:
        meeting = runner.service(coroutines.Meeting)
        waiting = meeting.wait()
        meeting.open()
    assert waiting.done()
    assert waiting.get() == "met"


def test_a_callable_that_returns_an_awaitable(runner):
    assert runner.service(lambda value: coroutines.double(value))(4).get(PATIENCE) == 8


def test_a_pool_of_a_class_with_coroutines(runner):
    pool = runner.service(coroutines.Meeting, instances=2)
    flamepy.get([pool.crowd() for _ in range(40)], timeout=PATIENCE)
