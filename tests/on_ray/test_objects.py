"""Large objects are Ray objects: shared on a node, alive as long as somebody holds them, and not longer."""

from __future__ import annotations

import time

import flamepy

PATIENCE = 50
SIZE = 4 << 20


def make(size: int) -> bytearray:
    return bytearray(size)


def where_is(value: object) -> bool:
    return memoryview(value).readonly  # type: ignore[arg-type]


def held(runner) -> int:
    used: int = runner._engine.objects.used()
    return used


def test_a_result_outlives_its_executor(runner):
    service = runner.service(make, instances=1)
    kept = service(SIZE)
    flamepy.wait([kept], timeout=PATIENCE)
    service.close()
    assert len(kept.get(PATIENCE)) == SIZE


def test_a_result_goes_to_the_next_task_as_it_is(runner):
    made = runner.service(make)(SIZE)
    assert runner.service(len)(made).get(PATIENCE) == SIZE


def test_objects_are_let_go_of(runner):
    exprs = [runner.put(bytes(SIZE)) for _ in range(3)] + [runner.service(make)(SIZE)]
    flamepy.wait(exprs, timeout=PATIENCE)
    assert held(runner) >= 4 * SIZE
    exprs.clear()
    deadline = time.monotonic() + PATIENCE
    while held(runner):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_more_objects_than_the_store_holds_in_turn(runner):
    size = runner.service(len, instances=1)
    for _ in range(30):
        assert size(bytes(SIZE * 4)).get(PATIENCE) == SIZE * 4
