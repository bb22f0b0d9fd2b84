"""Messages survive any cutting of the stream that carries them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flamepy.wire.frames import HEADER, FrameBuffer, pack

plain = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
values = st.recursive(plain, lambda inner: st.lists(inner) | st.tuples(inner, inner), max_leaves=20)
messages = st.lists(st.lists(values, max_size=6), max_size=8)


def feed(buffer: FrameBuffer, stream: bytes, sizes: list[int]) -> list[list[object]]:
    """Give a stream to a buffer in pieces of these sizes, then in whatever fits."""
    received, offset, turn = [], 0, iter(sizes)
    while offset < len(stream):
        space = buffer.space()
        assert len(space), "there is always room for more"
        count = min(next(turn, len(stream)), len(space), len(stream) - offset)
        space[:count] = stream[offset : offset + count]
        del space
        received += buffer.filled(count)
        offset += count
    return received


@given(messages, st.lists(st.integers(1, 64)), st.sampled_from([16, 64, 4096, 256 * 1024]))
def test_any_cutting_gives_the_same_messages(sent, sizes, capacity):
    stream = b"".join(pack(message) for message in sent)
    assert feed(FrameBuffer(capacity), stream, sizes) == sent


@given(st.lists(st.integers(0, 400_000), min_size=1, max_size=4), st.lists(st.integers(1, 100_000)))
def test_messages_larger_than_the_buffer(lengths, sizes):
    sent = [[b"x" * length, length] for length in lengths]
    stream = b"".join(pack(message) for message in sent)
    assert feed(FrameBuffer(1024), stream, sizes) == sent


@given(messages)
def test_nothing_comes_before_it_is_whole(sent):
    buffer = FrameBuffer(64)
    for message in sent:
        data = pack(message)
        assert feed(buffer, data[:-1], []) == []
        assert feed(buffer, data[-1:], []) == [message]


def test_a_buffer_shrinks_after_a_giant():
    buffer = FrameBuffer()
    giant = [b"x" * 20_000_000]
    assert feed(buffer, pack(giant), []) == [giant]
    for _ in range(3):
        assert feed(buffer, pack([1]), []) == [[1]]
    assert len(buffer.space()) < 2_000_000


def test_the_header_is_the_length():
    data = pack([1, "a"])
    assert int.from_bytes(data[:HEADER], "little") == len(data) - HEADER
