"""What is encoded comes back the same, small or large, plain or not."""

from __future__ import annotations

import array
import operator
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flamepy.completion import Completion, Encoded
from flamepy.serialization.codec import PICKLED, SHARED, SHORT, Decoder, Encoder, dumps, loads
from flamepy.serialization.segments import LARGE, Arena, Ledger, Segment
from flamepy.wire.frames import FrameBuffer, pack

LENGTHS = [SHORT, SHORT + 1, LARGE, 3 * LARGE + 1]

plain = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.complex_numbers(allow_nan=False)
    | st.text()
    | st.binary()
    | st.builds(
        operator.mul, st.sampled_from([b"x", "t", "ü"]), st.sampled_from([SHORT, SHORT + 1, LARGE, 3 * LARGE + 1])
    )
)
values = st.recursive(
    plain | st.frozensets(st.integers()) | st.builds(bytearray, st.sampled_from([0, 1, LARGE])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=4), inner, max_size=4)
        | st.sets(st.integers())
    ),
    max_leaves=12,
)
common = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=150)


class Sides:
    """An encoder and a decoder over one folder, as two processes have them."""

    def __init__(self, root: Path) -> None:
        ledger = Ledger(str(root / "ledger"), 64 << 20)
        here = Arena(str(root), str(root / "spill"), "a", ledger)
        there = Arena(str(root), str(root / "spill"), "b", ledger)
        self.encoder = Encoder(here, here.recycle, main_by_value=False)
        self.decoder = Decoder(there, lambda part: Segment(part[0], part[1], lambda _: None))
        self.ledger = ledger


@pytest.fixture
def sides(tmp_path):
    made = Sides(tmp_path)
    yield made
    made.ledger.close()


def travel(form):
    """Through the wire: what is sent has to be marshallable."""
    buffer, data = FrameBuffer(1 << 20), pack([form])
    buffer.space()[: len(data)] = data
    return buffer.filled(len(data))[0][0]


@common
@given(value=values)
def test_values(sides, value):
    form, lease, found = sides.encoder.value(value)
    back = sides.decoder.value(travel(form))
    assert found == []
    assert back == value
    assert type(back) is type(value)
    del back, lease


@common
@given(args=st.lists(values, max_size=4).map(tuple), kwargs=st.dictionaries(st.text(max_size=5), values, max_size=3))
def test_arguments(sides, args, kwargs):
    payload, lease, found = sides.encoder.arguments(args, kwargs)
    payload = travel(payload)
    decoded = loads(payload) if type(payload) is bytes else sides.decoder.shared(*payload)
    got = (decoded, {}) if type(decoded) is tuple else (tuple(decoded[0]), decoded[1])
    assert found == []
    assert got == (args, kwargs)
    del decoded, got, lease


@common
@given(value=values, inner=st.lists(values, min_size=1, max_size=3))
def test_completions_at_any_depth(sides, value, inner):
    completions = []
    for each in inner:
        completion = Referenced()
        form, lease, _ = sides.encoder.value(each)
        completion.complete(Encoded(form, sides.decoder.value, lease))
        completions.append(completion)
    nested = {"deep": [value, tuple(completions)], "again": completions[0]}
    form, lease, found = sides.encoder.value(nested)
    assert set(map(id, found)) == set(map(id, completions))
    filled = (*form[:3], [completion._outcome.form for completion in found])
    back = sides.decoder.value(travel(filled))
    assert back == {"deep": [value, tuple(inner)], "again": inner[0]}
    del back, lease


@common
@given(sizes=st.lists(st.integers(0, 3 * LARGE), min_size=1, max_size=6))
def test_large_buffers_are_views_that_nobody_can_write(sides, sizes):
    buffers = [array.array("B", bytes([size % 256]) * size) for size in sizes]
    value = [Buffered(each) for each in buffers]
    form, lease, _ = sides.encoder.value(value)
    back = sides.decoder.value(travel(form))
    assert [bytes(each.view) for each in back] == [bytes(each) for each in buffers]
    if type(form) is tuple and form[0] == SHARED and form[2] is not None:
        assert all(each.view.readonly for each in back if each.view.nbytes)
        assert len(form[1]) < LARGE
    else:
        assert form[0] == PICKLED
        assert sum(sizes) < LARGE + 4096
    del back, lease


def test_all_is_given_back(sides, tmp_path):
    for size in (1, LARGE, 5 * LARGE, LARGE):
        form, lease, _ = sides.encoder.value(bytearray(size))
        assert sides.decoder.value(form) == bytearray(size)
        del form, lease
    sides.encoder._arena.trim(0)
    assert sides.ledger.used() == 0
    assert [path.name for path in tmp_path.iterdir()] == ["ledger"]


def test_functions_travel_by_reference_or_by_value():
    assert loads(dumps(dumps)) is dumps
    scale = 3
    by_value: Callable[[int], int] = loads(dumps(lambda number: number * scale))
    assert by_value(5) == 15


class Referenced(Completion):
    __slots__ = ()

    def __reduce__(self):
        from flamepy.serialization import codec

        return codec.reference(self)


class Buffered:
    """Gives its buffer away out of band, as arrays do."""

    def __init__(self, data: object) -> None:
        self.view = memoryview(data)  # type: ignore[arg-type]

    def __reduce_ex__(self, protocol: int):
        from pickle import PickleBuffer

        return Buffered, (PickleBuffer(self.view),)
