"""``async def`` methods: they run side by side on an event loop of their own, beside the main thread."""

from __future__ import annotations

import asyncio
import threading

from flamepy.wire.frames import Say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flamepy.runtime.loop import Executor
    from flamepy.runtime.tasks import Tasks

LAST_MOMENT = 1.0
"""Seconds that coroutines have to clean up when the executor ends."""


class Coroutines:
    """The event loop of an executor, on a thread of its own.

    Args:
        executor: Answers are appended to its ``out``.
        tasks: Encodes results.
        limit: Coroutines that run at once; more wait for their turn.
    """

    def __init__(self, executor: Executor, tasks: Tasks, limit: int) -> None:
        self._executor = executor
        self._tasks = tasks
        self._loop = asyncio.new_event_loop()
        self._turn = asyncio.Semaphore(limit)
        self._running: dict[int, asyncio.Task[None]] = {}
        self._credit: dict[int, asyncio.Semaphore] = {}
        self._flush_soon = False
        self._started = 0
        threading.Thread(target=self._loop.run_forever, name="flamepy-coroutines", daemon=True).start()

    def busy(self) -> bool:
        """Whether any coroutine is unfinished."""
        return self._started > 0

    def start(self, number: int, coroutine: Any) -> None:
        """Run a coroutine; its outcome is said as ``LATE``."""
        self._started += 1
        self._loop.call_soon_threadsafe(self._spawn, number, self._run(number, coroutine))

    def stream(self, number: int, generator: Any, credit: int) -> None:
        """Send the items of an async generator while there is credit."""
        self._started += 1
        self._credit[number] = asyncio.Semaphore(credit)
        self._loop.call_soon_threadsafe(self._spawn, number, self._drain(number, generator))

    def credit(self, number: int, items: int) -> None:
        """Allow a stream so many more items."""
        semaphore = self._credit.get(number)
        for _ in range(items if semaphore is not None else 0):
            self._loop.call_soon_threadsafe(semaphore.release)  # type: ignore[union-attr]

    def cancel(self, number: int) -> None:
        """Cancel a coroutine or stream, if it still runs."""
        self._loop.call_soon_threadsafe(self._cancel, number)

    def close(self) -> None:
        """Cancel all that is under way, and give it a moment to clean up."""

        async def end() -> None:
            for task in self._running.values():
                task.cancel()
            if self._running:
                await asyncio.wait(self._running.values(), timeout=LAST_MOMENT)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(2 * LAST_MOMENT)

    def _cancel(self, number: int) -> None:
        task = self._running.get(number)
        if task is not None:
            task.cancel()

    def _spawn(self, number: int, work: Any) -> None:
        self._running[number] = self._loop.create_task(work)

    async def _run(self, number: int, coroutine: Any) -> None:
        try:
            async with self._turn:
                result = await coroutine
            reply = self._tasks.form_of(result)
        except asyncio.CancelledError:
            reply = (Say.CANCELLED, "cancel")
        except BaseException as error:
            reply = self._executor.failed(error)
        self._say(number, (Say.LATE, number, reply))

    async def _drain(self, number: int, generator: Any) -> None:
        reply: Any = None
        try:
            async with self._turn:
                async for item in generator:
                    await self._credit[number].acquire()
                    self._executor.out.append((Say.ITEM, number, self._tasks.form_of(item)))
                    self._send()
        except asyncio.CancelledError:
            await generator.aclose()
            reply = (Say.CANCELLED, "cancel")
        except BaseException as error:
            reply = self._executor.failed(error)
        self._credit.pop(number, None)
        self._say(number, (Say.END, number, reply))

    def _say(self, number: int, news: Any) -> None:
        self._running.pop(number, None)
        self._started -= 1
        self._executor.out.append(news)
        self._send()

    def _send(self) -> None:
        """Send at the end of this turn of the loop, whatever else it adds."""
        if not self._flush_soon:
            self._flush_soon = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_soon = False
        self._executor.flush()
