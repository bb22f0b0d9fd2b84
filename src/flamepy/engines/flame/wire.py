"""The thread that speaks gRPC for a driver: one event loop, one connection, all executors."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

from flamepy.engines.flame.channel import OPTIONS, Address, credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from concurrent.futures import Future
    from typing import Any

    import grpc.aio


class Wire:
    """An asyncio loop on a thread of its own, with a gRPC channel.

    Args:
        address: Where to.

    Attributes:
        loop: The loop.
        channel: The connection; it connects anew by itself.
    """

    def __init__(self, address: Address) -> None:
        self.address = address
        self.loop = asyncio.new_event_loop()
        self.channel: grpc.aio.Channel
        self._tasks: set[asyncio.Task[Any]] = set()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="flamepy-wire", daemon=True)

    def start(self) -> None:
        """Start the thread; returns when it can be used."""
        self._thread.start()
        self._ready.wait()

    def soon(self, action: Callable[[], object]) -> None:
        """Call ``action`` on the loop; does nothing after the end."""
        try:
            self.loop.call_soon_threadsafe(action)
        except RuntimeError:  # it is closed
            return

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run a coroutine on the loop, from any thread; whatever it raises is its own business."""

        def begin() -> None:
            task = self.loop.create_task(work)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        self.soon(begin)

    def call(self, work: Coroutine[Any, Any, Any]) -> Future[Any]:
        """Run a coroutine on the loop; the future has what it returns."""
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def stop(self) -> None:
        """Cancel what is under way, close the connection, and end the thread."""
        if not self._thread.is_alive():
            return
        self.soon(self.loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self._open())
        self._ready.set()
        try:
            self.loop.run_forever()
            self.loop.run_until_complete(self._finish())
        finally:
            self.loop.close()

    async def _open(self) -> None:
        import grpc

        if self.address.secure:
            self.channel = grpc.aio.secure_channel(self.address.target, credentials(self.address), OPTIONS)
        else:
            self.channel = grpc.aio.insecure_channel(self.address.target, OPTIONS)

    async def _finish(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.channel.close(None)
