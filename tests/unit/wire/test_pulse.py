"""The spinning reader: what it reads is right, and it gives up where spinning does not pay."""

from __future__ import annotations

import socket

import pytest

from flamepy.wire import pulse
from flamepy.wire.pulse import LONGEST, RETRY, Pulse


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    yield ours, theirs
    ours.close()
    theirs.close()


def test_what_is_there_is_read(pair):
    ours, theirs = pair
    theirs.send(b"hello")
    buffer = memoryview(bytearray(16))
    spinning = Pulse()
    spinning._budget = LONGEST
    assert spinning.spin(ours, buffer) == 5
    assert bytes(buffer[:5]) == b"hello"


def test_the_end_is_zero(pair):
    ours, theirs = pair
    theirs.close()
    spinning = Pulse()
    spinning._budget = LONGEST
    assert spinning.spin(ours, memoryview(bytearray(16))) == 0


def test_in_vain_it_spins_less_and_less_and_tries_again_later(pair, monkeypatch):
    ours, _ = pair
    monkeypatch.setattr(pulse, "CORES", 2)
    spinning, buffer = Pulse(), memoryview(bytearray(16))
    for _ in range(20):
        assert spinning.spin(ours, buffer) == -1
    assert spinning._budget < pulse.SHORTEST
    assert any(spinning._again() for _ in range(RETRY))


def test_on_one_core_it_never_spins(pair, monkeypatch):
    ours, theirs = pair
    monkeypatch.setattr(pulse, "CORES", 1)
    theirs.send(b"hello")
    assert Pulse().spin(ours, memoryview(bytearray(16))) == -1
