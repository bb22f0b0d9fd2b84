"""The wire's end: whatever its tasks do, it comes."""

from __future__ import annotations

import asyncio
import threading

import pytest

pytest.importorskip("grpc")

from flamepy import FlameContext
from flamepy.engines.flame import wire
from flamepy.engines.flame.channel import Address


@pytest.mark.timeout(30)
def test_a_task_that_does_not_hear_the_first_cancellation_is_cancelled_again(monkeypatch):
    monkeypatch.setattr(wire, "CANCEL_SECONDS", 0.05)
    begun, ended = threading.Event(), []

    async def deaf() -> None:
        for _ in range(2):
            try:
                begun.set()
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                ended.append("once more")
        await asyncio.Event().wait()

    async def failing() -> None:
        raise ValueError("its own business")

    connection = wire.Wire(Address.of(FlameContext(endpoint="http://127.0.0.1:1")))
    connection.start()
    connection.spawn(failing())
    connection.spawn(deaf())
    assert begun.wait(10)
    connection.stop()
    assert ended == ["once more"] * 2
