"""What ``flmping`` does where there is no Flame cluster: a service of a runner, on this machine or on Ray."""

from __future__ import annotations

import platform
import secrets
import tempfile
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from flamepy.engines.administration import Pinged
from flamepy.errors import FlameError
from flamepy.model.lifecycle import TaskState

if TYPE_CHECKING:
    from flamepy.context import FlameContext
    from flamepy.engines.administration import PingOrder
    from flamepy.object_expr import ObjectExpr


def answer(duration: int | None, memory: int | None) -> str:
    """Take the time and the memory that are asked for, and say so; this runs in the executors.

    Args:
        duration: Milliseconds; None for none.
        memory: Bytes; None for none.
    """
    begin = time.monotonic()
    held = bytearray(memory or 0)
    if duration:
        time.sleep(duration / 1000)
    took = round((time.monotonic() - begin) * 1000)
    return f"Completed on <{platform.node()}> in <{took}> milliseconds with <{len(held)}> memory"


class RunnerPings:
    """A runner with one service.

    Args:
        context: Which engine.
        order: What to do.

    Raises:
        FlameError: The engine cannot be started.
    """

    def __init__(self, context: FlameContext, order: PingOrder) -> None:
        from flamepy.runner import FlameRunner

        self._order = order
        self.session = f"flmping-{secrets.token_hex(3)}"
        with ExitStack() as undo:
            project = undo.enter_context(tempfile.TemporaryDirectory(prefix="flmping-"))
            runner = undo.enter_context(FlameRunner(self.session, context=context, project=project))
            self._service = runner.service(answer, name="flmping", resources=order.resources)
            self._undo = undo.pop_all()

    def run(self) -> list[Pinged]:
        """Submit all tasks at once, and return when the last one is done, in the order of submission."""
        order = self._order
        calls = [self._service(order.duration, order.memory) for _ in range(order.tasks)]
        return [self._finished(number, call) for number, call in enumerate(calls, 1)]

    def close(self) -> None:
        """End the runner; idempotent."""
        self._undo.close()

    def _finished(self, number: int, call: ObjectExpr[str]) -> Pinged:
        try:
            told = call.get()
        except FlameError as error:
            return Pinged(self.session, str(number), TaskState.FAILED.value, str(error))
        return Pinged(self.session, str(number), TaskState.SUCCEED.value, told)
