"""The thread that speaks gRPC for the drivers of a process: one event loop, a connection and tasks for each engine."""

from __future__ import annotations

import asyncio
import os
import threading
from typing import TYPE_CHECKING

from flamepy.engines.flame.channel import OPTIONS, Address, credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from concurrent.futures import Future
    from typing import Any

    import grpc.aio


CANCEL_SECONDS = 5.0
"""Within which a cancelled task has to end; then it is cancelled again, for it may have been deaf at that moment."""


async def happened(event: asyncio.Event, seconds: float) -> None:
    """Wait for an event, no longer than so many seconds.

    Not by ``wait_for``: before Python 3.12 it swallows a cancellation that comes together with what it waits for.
    """
    waiting = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait({waiting}, timeout=seconds)
    finally:
        waiting.cancel()


class _Turning:
    """The loop of this process, and the thread that turns it while anybody uses it.

    There is one, and it is never closed: gRPC hands what happens in the whole process to any loop that it knows, and an
    event that came late for a closed one would be an error in another engine's loop.
    """

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._lock = threading.Lock()
        self._users = 0
        self._thread: threading.Thread | None = None

    def join_in(self) -> None:
        """Have it turn."""
        with self._lock:
            self._users += 1
            if self._users == 1:
                self._thread = threading.Thread(target=self._run, name="flamepy-wire", daemon=True)
                self._thread.start()

    def drop_out(self) -> None:
        """Use it no longer; the last one ends the thread."""
        with self._lock:
            self._users -= 1
            if self._users == 0 and self._thread is not None:
                self.loop.call_soon_threadsafe(self.loop.stop)
                self._thread.join()
                self._thread = None

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()


_turning: list[_Turning] = []
"""The last one is this process's; those before it are of the processes that it was forked from, and stay untouched."""

os.register_at_fork(after_in_child=lambda: _turning.append(_Turning()) if _turning else None)


class Wire:
    """A gRPC channel and tasks on the loop of this process.

    Args:
        address: Where to.

    Attributes:
        loop: The loop.
        channel: The connection; it connects anew by itself.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        self.channel: grpc.aio.Channel
        if not _turning:
            _turning.append(_Turning())
        self._turning = _turning[-1]
        self.loop = self._turning.loop
        self._tasks: set[asyncio.Task[Any]] = set()
        self._started = self._stopped = False

    def start(self) -> None:
        """Start; returns when it can be used."""
        self._turning.join_in()
        self._started = True
        self.call(self._open()).result()

    def soon(self, action: Callable[[], object]) -> None:
        """Call ``action`` on the loop; does nothing after the end."""
        if not self._stopped:
            self.loop.call_soon_threadsafe(action)

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run a coroutine on the loop, from any thread; whatever it raises is its own business."""

        def begin() -> None:
            task = self.loop.create_task(work)
            self._tasks.add(task)
            task.add_done_callback(self._forget)

        if self._stopped:
            work.close()
        else:
            self.soon(begin)

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # it has been looked at

    def call(self, work: Coroutine[Any, Any, Any]) -> Future[Any]:
        """Run a coroutine on the loop; the future has what it returns."""
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def stop(self) -> None:
        """Cancel what is under way and close the connection."""
        if not self._started or self._stopped:
            return
        self.call(self._finish()).result()
        self._stopped = True
        self._turning.drop_out()

    async def _open(self) -> None:
        import grpc

        if self.address.secure:
            self.channel = grpc.aio.secure_channel(self.address.target, credentials(self.address), OPTIONS)
        else:
            self.channel = grpc.aio.insecure_channel(self.address.target, OPTIONS)

    async def _finish(self) -> None:
        while left := [task for task in self._tasks if not task.done()]:
            for task in left:
                task.cancel()
            await asyncio.wait(left, timeout=CANCEL_SECONDS)
        await self.channel.close(None)
