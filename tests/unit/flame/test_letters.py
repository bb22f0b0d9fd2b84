"""What travels in tasks: letters and replies, objects in pieces, and the account of what is owed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flamepy.engines.flame.host.letters import Letter, Reply, pack_hello, unpack_hello
from flamepy.engines.flame.host.outbox import Outbox
from flamepy.engines.flame.host.traffic import Cutter, Tally, parts, urgent
from flamepy.serialization.codec import SHARED
from flamepy.wire.frames import Ask, Say, pack


def test_letters_and_replies_come_back():
    letter = Letter(3, b"data", (("e1-1", 10, 0, b"part"),), b"bell", 0.5, kill=True)
    assert Letter.unpack(letter.pack()) == letter
    reply = Reply(3, b"said", status=9, running=4, more=True, node="host")
    assert Reply.unpack(reply.pack()) == reply
    assert unpack_hello(pack_hello({"name": "x"})) == {"name": "x"}


def test_what_is_no_letter_is_an_error():
    for data in (b"", b"{", b"\xff" * 20):
        with pytest.raises(ValueError, match=r"not a letter|bad marshal"):
            Letter.unpack(data)


@given(st.lists(st.one_of(st.binary(max_size=40), st.integers(0, 60))), st.integers(1, 30))
def test_an_outbox_keeps_the_order_and_cuts_objects(things: list[bytes | int], room: int):
    objects: dict[str, bytes] = {}
    box = Outbox(lambda name, offset, size: objects[name][offset : offset + size])
    sent = b""
    for number, thing in enumerate(things):
        if isinstance(thing, bytes):
            box.add(thing)
            sent += thing
        else:
            objects[f"c-{number}"] = bytes(thing % 251 for _ in range(thing))
            box.add_object(f"c-{number}", thing)
    came, arrived = b"", {name: b"" for name in objects}
    while box:
        data, pieces = box.fill(room)
        assert len(data) + sum(len(piece[3]) for piece in pieces) <= room
        came += data
        for name, capacity, offset, part in pieces:
            assert (len(arrived[name]), len(objects[name])) == (offset, capacity)
            arrived[name] += part
    assert came == sent
    assert arrived == objects
    assert box.size == 0


def test_a_tally_knows_what_is_owed():
    tally = Tally()
    tally.asked([Ask.BIND, {}])
    assert (tally.owed, tally.awaits) == (0, 1)
    tally.said([(Say.READY, 1)])
    tally.asked([0, (1,), 0, (2,), 0, (3,)])
    assert (tally.owed, tally.awaits) == (3, 0)
    tally.said([1, (Say.LOG, "stdout", "x"), (Say.PROMISE, 1)])
    assert (tally.owed, tally.awaits) == (1, 1)
    tally.said([(Say.LATE, 1, 5), (Say.FAILED, ("E", "x"))])
    assert (tally.owed, tally.awaits) == (0, 0)


def test_news_that_overtakes_its_announcement_is_counted_once():
    tally = Tally()
    tally.asked([0, ()])
    tally.said([(Say.LATE, 1, 5)])
    tally.said([(Say.PROMISE, 1)])
    assert (tally.owed, tally.awaits) == (0, 0)


def test_calls_that_are_handed_back_are_not_owed():
    tally = Tally()
    tally.asked([0, (), 0, (), 0, (), 0, ()])
    tally.said([1, (Say.HAND_BACK, 2)])
    assert tally.owed == 1
    tally.asked([0, ()])
    tally.said([1])
    assert tally.owed == 0
    tally.asked([Ask.RETURNED, None, 0, ()])
    assert tally.owed == 1


def test_objects_are_found_at_any_depth():
    inner = (SHARED, b"", ("e2-1", 64, (8,)), None)
    message = [0, [b"pickle", ("c-1", 4096, (10, 20)), [inner, 5]], 1, ("plain", 1)]
    assert [part[0] for part in parts(message)] == ["c-1", "e2-1"]
    assert list(parts([(Say.FAILED, ("ValueError", "text", "trace", b""))])) == []


def test_prints_can_wait_and_calls_of_tasks_cannot():
    assert not urgent([1, (Say.LOG, "stdout", "x"), (Say.PROMISE, 3)])
    assert urgent([(Say.CALL, 1, "s", 0, (), True)])


@given(st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=4), max_size=6), st.integers(1, 17))
def test_a_cutter_gives_whole_messages_and_their_bytes(sent: list[list[int]], step: int):
    stream = b"".join(pack(message) for message in sent)
    cutter, raw, found = Cutter(), b"", []
    for place in range(0, len(stream), step):
        more, some = cutter.feed(stream[place : place + step])
        raw += more
        found += some
    assert raw == stream
    assert found == sent
