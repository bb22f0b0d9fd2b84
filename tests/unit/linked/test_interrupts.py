"""Ctrl-C waits for the end of a guarded region, and only where Python's own handler is in place."""

from __future__ import annotations

import signal
import time

import pytest

from flamepy.engines.linked.interrupts import Guard


@pytest.fixture
def guard(monkeypatch):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    made = Guard()
    made.install()
    yield made
    made.remove()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, before)


def test_inside_it_waits(guard):
    reached = False
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012
        with guard:
            signal.raise_signal(signal.SIGINT)
            reached = True
        time.sleep(5)
    assert reached


def test_nested_it_waits_for_the_outermost(guard):
    reached = 0
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012
        with guard:
            with guard:
                signal.raise_signal(signal.SIGINT)
            reached += 1
        time.sleep(5)
    assert reached == 1


def test_outside_it_comes_at_once(guard):
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_a_users_handler_is_left_alone():
    seen = []
    before = signal.signal(signal.SIGINT, lambda *_: seen.append(1))
    try:
        guard = Guard()
        guard.install()
        with guard:
            signal.raise_signal(signal.SIGINT)
            assert seen == [1]
        guard.remove()
    finally:
        signal.signal(signal.SIGINT, before)
