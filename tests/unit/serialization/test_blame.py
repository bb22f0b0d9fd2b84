"""What cannot be sent is named by the path that a person would write."""

from __future__ import annotations

import threading

import pytest

from flamepy.errors import SerializationError
from flamepy.serialization.codec import Encoder
from flamepy.serialization.segments import Arena, Ledger


class Holder:
    def __init__(self, inner):
        self.inner = inner


@pytest.fixture
def encoder(tmp_path):
    ledger = Ledger(str(tmp_path / "ledger"), 1 << 20)
    arena = Arena(str(tmp_path), str(tmp_path / "spill"), "t", ledger)
    yield Encoder(arena, arena.recycle, main_by_value=False)
    ledger.close()


LOCK = threading.Lock()


@pytest.mark.parametrize(
    ("args", "kwargs", "where"),
    [
        ((LOCK,), {}, "argument 1 "),
        ((1, [2, {"key": LOCK}]), {}, "argument 2[1]['key'] "),
        ((Holder([LOCK]),), {}, "argument 1.inner[0] "),
        ((1,), {"named": Holder(LOCK)}, "argument ['named'].inner "),
        ((lambda: LOCK.acquire(),), {}, "argument 1"),
    ],
)
def test_arguments(encoder, args, kwargs, where):
    with pytest.raises(SerializationError) as caught:
        encoder.arguments(args, kwargs)
    assert where in str(caught.value)
    assert "lock" in str(caught.value)
    assert caught.value.type_name


def test_values(encoder):
    with pytest.raises(SerializationError, match=r"value \.inner"):
        encoder.value(Holder(LOCK))


def test_closures(encoder):
    guarded = Holder(LOCK)
    with pytest.raises(SerializationError, match="<closure guarded>"):
        encoder.value(lambda: guarded)


def test_too_deep(encoder):
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(SerializationError, match="too deep"):
        encoder.value(deep)
    while deep:  # taken apart by hand: freeing it would recurse as deep
        deep = deep[0]


def test_after_a_failure_the_next_one_works(encoder):
    with pytest.raises(SerializationError):
        encoder.value([LOCK])
    form, _, found = encoder.value([1, 2])
    assert found == []
    assert form
