"""Shared memory: reserved before it is written, spilled when it is full, recycled when nobody looks."""

from __future__ import annotations

import gc
import os
import threading

import pytest

from flamepy.errors import EngineError
from flamepy.serialization.segments import ALIGN, Arena, Lease, Ledger, Segment, StoreFull

PAGE = os.sysconf("SC_PAGE_SIZE")


@pytest.fixture
def make(tmp_path):
    """Arenas of one engine."""
    ledgers = []

    def make(creator="a", limit=64 * PAGE, pool=1 << 30) -> Arena:
        ledgers.append(Ledger(str(tmp_path / "ledger"), limit))
        folder = tmp_path / "shm"
        folder.mkdir(exist_ok=True)
        return Arena(str(folder), str(tmp_path / "spill"), creator, ledgers[-1], pool)

    yield make
    for ledger in ledgers:
        ledger.close()


def write(arena, *buffers, on_free=None):
    return arena.write([memoryview(each) for each in buffers], on_free or arena.recycle)


def test_what_is_reserved_counts_for_all_processes(tmp_path):
    one, other = (Ledger(str(tmp_path / "ledger"), 100) for _ in range(2))
    assert one.reserve(60)
    assert not other.reserve(41)
    assert other.reserve(40)
    assert one.used() == 100
    one.refund(60)
    assert other.used() == 40
    other.refund(1000)
    assert one.used() == 0, "never below zero"
    one.close()
    assert one.reserve(1), "nobody counts for an engine that has ended"
    one.refund(1)
    other.close()


def test_many_threads_count_right(tmp_path):
    ledger = Ledger(str(tmp_path / "ledger"), 1 << 30)

    def work() -> None:
        for _ in range(200):
            assert ledger.reserve(7)
            ledger.refund(7)
            ledger.reserve(1)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ledger.used() == 8 * 200
    ledger.close()


def test_a_refund_inside_a_reservation_does_not_wait(tmp_path):
    """The garbage collector may free a segment at any instruction, while this very thread has the lock."""
    ledger = Ledger(str(tmp_path / "ledger"), 100)
    ledger.reserve(50)
    with ledger._threads:
        ledger.refund(20)
        assert ledger.used() == 50
    ledger.refund(10)
    assert ledger.used() == 20
    ledger.close()


def test_buffers_are_aligned_and_whole(make):
    arena, other = make("a"), make("b")
    segment, (name, capacity, lengths) = write(arena, b"x" * 5, b"", b"y" * (ALIGN + 1))
    views = other.views(Segment(name, capacity, lambda _: None), lengths)
    assert [bytes(view) for view in views] == [b"x" * 5, b"", b"y" * (ALIGN + 1)]
    assert all(view.readonly for view in views)
    assert capacity % PAGE == 0
    assert segment.uses == 0


def test_an_unused_segment_is_used_again(make):
    arena = make()
    segment, part = write(arena, b"1" * PAGE)
    lease = Lease(segment)
    del lease
    assert arena.pooled() == PAGE
    again, new = write(arena, b"2" * (PAGE - 10))
    assert again is segment
    assert new[0] == part[0]
    assert arena.pooled() == 0
    assert bytes(arena.views(again, new[2])[0]) == b"2" * (PAGE - 10)


def test_a_view_keeps_a_segment_from_being_used_again(make):
    arena = make()
    segment, part = write(arena, b"1" * PAGE)
    lease = Lease(segment)
    (view,) = arena.views(segment, part[2])
    part_of_it = view[10:20]
    del lease, view
    gc.collect()
    assert arena.pooled() == 0
    other, _ = write(arena, b"2" * PAGE)
    assert other is not segment
    assert bytes(part_of_it) == b"1" * 10
    del part_of_it
    assert arena.pooled() == PAGE


def test_over_the_limit_it_spills(make, tmp_path):
    arena, other = make("a", limit=2 * PAGE), make("b", limit=2 * PAGE)
    kept = [write(arena, bytes([number]) * PAGE) for number in range(4)]
    assert [segment.spilled for segment, _ in kept] == [False, False, True, True]
    assert len(os.listdir(tmp_path / "spill")) == 2
    for number, (_, (name, capacity, lengths)) in enumerate(kept):
        (view,) = other.views(Segment(name, capacity, lambda _: None), lengths)
        assert bytes(view) == bytes([number]) * PAGE
    for segment, _ in kept:
        arena.remove(segment)
    assert arena.ledger.used() == 0
    assert not os.listdir(tmp_path / "spill")


def test_unused_segments_make_room_before_anything_spills(make):
    arena = make(limit=2 * PAGE)
    segments = [write(arena, b"x" * PAGE)[0] for _ in range(2)]
    for segment in segments:
        arena.recycle(segment)
    large, _ = write(arena, b"y" * (2 * PAGE))
    assert not large.spilled
    assert arena.ledger.used() == 2 * PAGE


def test_moving_to_disk_disturbs_no_view(make, tmp_path):
    arena, other = make("a"), make("b")
    segment, part = write(arena, b"z" * PAGE)
    seen = Segment(part[0], part[1], lambda _: None)
    (before,) = other.views(seen, part[2])
    arena.move_to_disk(segment)
    assert segment.spilled
    assert arena.ledger.used() == 0
    assert bytes(before) == b"z" * PAGE
    other.forget(part[0])
    (after,) = other.views(Segment(part[0], part[1], lambda _: None), part[2])
    assert bytes(after) == b"z" * PAGE
    arena.remove(segment)
    assert not os.listdir(tmp_path / "spill")


def test_neither_memory_nor_disk(make, tmp_path):
    arena = make(limit=PAGE)
    (tmp_path / "spill").write_text("not a folder")
    write(arena, b"x" * PAGE)
    with pytest.raises(StoreFull, match=f"limit {PAGE:,} bytes, {PAGE:,} in use") as caught:
        write(arena, b"x" * PAGE)
    assert isinstance(caught.value, MemoryError)
    assert isinstance(caught.value, EngineError)
    assert caught.value.size == PAGE
    assert arena.ledger.used() == PAGE


def test_an_interrupted_write_leaves_nothing(make, tmp_path):
    class Interrupted(BaseException):
        pass

    class Buffers(list):
        def __iter__(self):
            yield from list.__iter__(self)
            raise Interrupted

    arena = make()
    buffers = Buffers([memoryview(b"x")])
    with pytest.raises(Interrupted):
        arena._fill(arena._fresh(PAGE, lambda _: None), buffers, (1,))
    assert arena.ledger.used() == 0
    assert not os.listdir(tmp_path / "shm")


def test_the_pool_has_a_limit_and_can_be_trimmed(make, tmp_path):
    arena = make(pool=2 * PAGE)
    segments = [write(arena, b"x" * PAGE)[0] for _ in range(3)]
    assert [arena.recycle(segment) for segment in segments] == [True, True, False]
    assert arena.trim(PAGE) == [segments[1].name]
    assert arena.trim(0) == [segments[0].name]
    assert arena.ledger.used() == 0
    assert not os.listdir(tmp_path / "shm")


def test_a_segment_that_is_gone_is_named(make):
    with pytest.raises(EngineError, match="e7-3"):
        make().views(Segment("e7-3", PAGE, lambda _: None), (1,))
