"""Generators stream: items arrive as they are made, a few ahead of who takes them."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from workshop import functions, streams

import flamepy

PATIENCE = 30
AHEAD = 64
"""Items that a generator may be ahead of its consumer, generously."""


def test_iterating(runner):
    assert list(runner.service(streams.count_to)(100)) == list(range(100))


def test_get_gives_the_list(runner):
    count = runner.service(streams.count_to)
    expr = count(100)
    assert expr.get(PATIENCE) == list(range(100))
    assert expr.get() is expr.get()
    assert expr.done()
    assert count(0).get(PATIENCE) == []
    assert list(count(0)) == []


def test_items_arrive_while_the_generator_runs(runner, tmp_path):
    gates = [str(tmp_path / str(n)) for n in range(5)]
    stream = iter(runner.service(streams.gated)(gates))
    for gate in gates:
        functions.announce(gate)
        assert next(stream) == gate
    assert next(stream, "end") == "end"


def test_the_generator_does_not_run_far_ahead(runner, tmp_path):
    told = str(tmp_path / "told")
    stream = iter(runner.service(streams.count_and_tell)(100_000, told))
    taken = [next(stream) for _ in range(100)]
    assert taken == list(range(100))
    runner.service(functions.add)(1, 2).get()
    made = len(streams.lines_of(told))
    assert 100 <= made <= 100 + AHEAD
    stream.close()


def test_an_async_generator_does_not_run_far_ahead(runner, tmp_path):
    told = str(tmp_path / "told")
    stream = iter(runner.service(streams.tell_async)(100_000, told))
    assert list(itertools.islice(stream, 100)) == list(range(100))
    assert 100 <= len(streams.lines_of(told)) <= 100 + AHEAD
    stream.close()


@pytest.mark.parametrize("function", [streams.count_and_tell, streams.tell_async], ids=["sync", "async"])
def test_breaking_off_closes_the_generator(make_runner, tmp_path, function):
    told = str(tmp_path / "told")
    with make_runner() as runner:
        for item in runner.service(function)(100_000, told):
            if item == 10:
                break
    lines = streams.lines_of(told)
    assert lines[-1] == "closed"
    assert len(lines) <= 11 + AHEAD


def test_dropping_the_stream_closes_the_generator(make_runner, tmp_path):
    told = str(tmp_path / "told")
    with make_runner() as runner:
        count = runner.service(streams.count_and_tell)
        count(100_000, told).wait()
        assert count(3, str(tmp_path / "other")).get(PATIENCE) == [0, 1, 2]
    assert streams.lines_of(told)[-1] == "closed"


def test_cancel_closes_the_generator(make_runner, tmp_path):
    told = str(tmp_path / "told")
    with make_runner() as runner:
        expr = runner.service(streams.count_and_tell)(100_000, told)
        next(iter(expr))
        expr.cancel()
    assert streams.lines_of(told)[-1] == "closed"


def test_an_exception_comes_after_the_items(runner):
    stream = iter(runner.service(streams.fail_after)(30))
    assert [next(stream) for _ in range(30)] == list(range(30))
    with pytest.raises(LookupError, match="after 30") as caught:
        next(stream)
    assert "in fail_after" in str(caught.value.__cause__)


def test_an_exception_at_once(runner):
    fail = runner.service(streams.fail_at_once)
    with pytest.raises(LookupError, match="at once"):
        list(fail())
    with pytest.raises(LookupError, match="at once"):
        fail().get(PATIENCE)


def test_an_exception_fails_get(runner):
    with pytest.raises(LookupError, match="after 30"):
        runner.service(streams.fail_after)(30).get(PATIENCE)
    assert isinstance(runner.service(streams.fail_async_after)(3).exception(PATIENCE), LookupError | None)


def test_an_async_generator(runner):
    count = runner.service(streams.count_async)
    assert list(count(100)) == list(range(100))
    assert count(50).get(PATIENCE) == list(range(50))
    stream = iter(runner.service(streams.fail_async_after)(5))
    assert [next(stream) for _ in range(5)] == list(range(5))
    with pytest.raises(LookupError, match="after 5"):
        next(stream)


def test_iterating_in_asyncio(runner):
    async def main():
        items = [item async for item in runner.service(streams.count_to)(200)]
        assert items == list(range(200))
        items = []
        with pytest.raises(LookupError, match="after 20"):  # noqa: PT012 - the block is what is tested
            async for item in runner.service(streams.fail_after)(20):
                items.append(item)
        assert items == list(range(20))
        assert await runner.service(streams.count_async)(30) == list(range(30))

    asyncio.run(main())


def test_breaking_off_in_asyncio(make_runner, tmp_path):
    told = str(tmp_path / "told")

    async def main(stream):
        async for item in stream:
            if item == 5:
                return

    with make_runner() as runner:
        asyncio.run(main(runner.service(streams.count_and_tell)(100_000, told)))
    assert streams.lines_of(told)[-1] == "closed"


def test_as_an_argument(runner):
    count, total = runner.service(streams.count_to), runner.service(functions.total)
    assert total(count(101)).get(PATIENCE) == 5050
    waited = count(101)
    waited.wait()
    assert total(waited).get(PATIENCE) == 5050
    assert runner.service(functions.identity)({"deep": [count(3)]}).get(PATIENCE) == {"deep": [[0, 1, 2]]}


def test_a_failed_one_as_an_argument(runner):
    error = runner.service(functions.total)(runner.service(streams.fail_after)(3)).exception(PATIENCE)
    assert isinstance(error, flamepy.DependencyFailed)
    assert isinstance(error.__cause__, LookupError)


def test_large_items(runner):
    pytest.importorskip("numpy")
    sizes = [(int(chunk[0]), chunk.size) for chunk in runner.service(streams.chunks)(20, 200_000)]
    assert sizes == [(n, 200_000) for n in range(20)]


def test_several_streams_of_one_service(runner):
    count = runner.service(streams.count_to, instances=1)
    pairs = zip(count(50), count(50), strict=True)
    assert list(pairs) == [(n, n) for n in range(50)]


def test_a_stream_and_calls_of_one_instance(runner):
    shelf = runner.service(streams.Shelf)
    for number in range(40):
        shelf.put(number)
    stream = iter(shelf.scan())
    assert next(stream) == 0
    assert shelf.first().get(PATIENCE) == 0  # other calls run between the items
    assert list(stream) == list(range(1, 40))


def test_iterating_over_any_other_result(runner):
    identity = runner.service(functions.identity)
    assert list(identity([1, 2])) == [1, 2]
    assert list(identity("ab")) == ["a", "b"]
    with pytest.raises(TypeError):
        list(identity(5))


def test_a_stream_is_iterated_over_once(runner):
    expr = runner.service(streams.count_to)(30)
    stream = iter(expr)
    next(stream)
    with pytest.raises(flamepy.ServiceError, match="iterated over"):
        expr.get()
    assert list(stream) == list(range(1, 30))


def test_streams_that_nobody_takes_do_not_hold_up_leaving(make_runner):
    with make_runner() as runner:
        kept = runner.service(streams.count_to)(100_000)
        kept.wait()


def test_repr_of_a_stream(runner):
    expr = runner.service(streams.count_to)(100_000)
    expr.wait()
    assert "streaming" in repr(expr)
    expr.cancel()
