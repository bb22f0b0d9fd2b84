"""Inputs and outputs of tasks: in memory as far as there is room, else in the store alone."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flamepy.server.records import Task
    from flamepy.server.store import Store

BUDGET = 256 * 1024 * 1024
"""Bytes of inputs and outputs kept in memory."""


class Payload(NamedTuple):
    """What a task was given and what it made; None for nothing."""

    input: bytes | None
    output: bytes | None


class Payloads:
    """Decides which inputs and outputs stay in memory; those of the tasks that ended first go first.

    Args:
        store: Where all of them are.
        budget: How many bytes may be in memory.

    Attributes:
        held: How many there are.
    """

    def __init__(self, store: Store, budget: int = BUDGET) -> None:
        self.held = 0
        self._store = store
        self._budget = budget
        self._ended: deque[Task] = deque()

    def created(self, task: Task, payload: bytes | None) -> None:
        """Take the input of a new task, which is on its way to the store."""
        size = len(payload or b"")
        if size and self.held + size > self._budget:
            task.shed = True
        else:
            task.input = payload
            self.held += size

    def ended(self, task: Task, output: bytes | None) -> None:
        """Take the output of a task, which is on its way to the store."""
        if task.shed:
            return
        task.output = output
        self.held += len(output or b"")
        self._ended.append(task)
        while self.held > self._budget and self._ended:
            self._shed(self._ended.popleft())

    def forget(self, tasks: Iterable[Task]) -> None:
        """Let go of what these had."""
        for task in tasks:
            self._shed(task)

    async def of(self, task: Task) -> Payload:
        """Return a task's input and output, from wherever they are."""
        if not task.shed:
            return Payload(task.input, task.output)
        await self._store.saved()
        return Payload(*await self._store.payload(task.session.id, task.number))

    def _shed(self, task: Task) -> None:
        self.held -= _weight(task)
        task.shed = task.shed or _weight(task) > 0
        task.input = task.output = None


def _weight(task: Task) -> int:
    return len(task.input or b"") + len(task.output or b"")
