"""Waiting for descriptors, and being woken."""

from __future__ import annotations

import os

import pytest

from flamepy.engines.linked.poller import Poller


@pytest.fixture
def poller():
    made = Poller()
    yield made
    made.close()


@pytest.fixture
def pipe():
    reading, writing = os.pipe()
    yield reading, writing
    os.close(reading)
    os.close(writing)


def test_ready_descriptors_are_told(poller, pipe):
    poller.add(pipe[0])
    assert list(poller.wait(0)) == []
    os.write(pipe[1], b"!")
    assert [descriptor for descriptor, _ in poller.wait(5)] == [pipe[0]]
    poller.remove(pipe[0])
    assert list(poller.wait(0)) == []


def test_a_wake_up_ends_a_wait_and_is_used_up(poller):
    poller.wake()
    assert list(poller.wait(5)) == []
    assert list(poller.wait(0)) == []


def test_waking_never_blocks(poller):
    for _ in range(100_000):
        poller.wake()
    assert list(poller.wait(0)) == []


def test_a_wake_up_after_the_end_reaches_nobody(pipe):
    poller = Poller()
    poller.close()
    taken = [os.dup(pipe[1]) for _ in range(3)]  # the numbers that the poller had
    poller.wake()
    os.set_blocking(pipe[0], False)
    with pytest.raises(BlockingIOError):
        os.read(pipe[0], 1)
    for descriptor in taken:
        os.close(descriptor)


def test_removing_what_is_closed(poller):
    reading, writing = os.pipe()
    poller.add(reading)
    os.close(reading)
    os.close(writing)
    poller.remove(reading)
