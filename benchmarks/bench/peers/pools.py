"""Pools of processes in the manner of concurrent.futures: the standard library's, and loky's."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from concurrent.futures import Executor, ProcessPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import work

from bench.peers.port import Peer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

counter = work.Counter()


def on_counter(name: str, *args: Any) -> Any:
    """Call a method of the one counter of a worker."""
    return getattr(counter, name)(*args)


class Pool(Peer):
    """A pool for functions, and a pool of one worker for each stateful service."""

    def executor(self, workers: int) -> Executor:
        """Make a pool."""
        raise NotImplementedError

    def start(self) -> None:
        """Start the pool for functions, and all its workers."""
        self.pool = self.executor(self.executors)
        self.singles: dict[int, Executor] = {}
        list(self.pool.map(work.pid, [0.05] * self.executors))

    def stop(self) -> None:
        """Shut all pools down."""
        for pool in (self.pool, *self.singles.values()):
            pool.shutdown()

    def single(self, number: int) -> Executor:
        """The pool of one worker that holds a counter."""
        if number not in self.singles:
            self.singles[number] = self.executor(1)
            self.singles[number].submit(work.pid).result()
        return self.singles[number]

    def ask_method(self, name: str, service: int = 0) -> Callable[..., Any]:
        """Submit and wait."""
        submit = self.single(service).submit
        return lambda *args: submit(on_counter, name, *args).result()

    def ask_function(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Submit and wait."""
        submit = self.pool.submit
        return lambda *args: submit(function, *args).result()

    def submit_method(self, name: str, service: int = 0) -> Callable[..., Any]:
        """Submit."""
        return partial(self.single(service).submit, on_counter, name)

    def submit_function(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Submit."""
        return partial(self.pool.submit, function)

    def collect(self, submitted: Sequence[Any]) -> list[Any]:
        """Each future's result."""
        return [future.result() for future in submitted]

    def map(self, function: Callable[..., Any], items: Sequence[Any]) -> list[Any]:
        """The pool's map, without chunks: one task for each item."""
        return list(self.pool.map(function, items, items))

    def gather(self, name: str, count: int) -> list[Any]:
        """``asyncio.gather`` over ``run_in_executor``."""
        pool = self.single(0)

        async def run() -> list[Any]:
            loop = asyncio.get_running_loop()
            start = time.perf_counter()
            values = await asyncio.gather(
                *[loop.run_in_executor(pool, on_counter, name, number, 1) for number in range(count)]
            )
            return [time.perf_counter() - start, values]

        return asyncio.run(run())


class Fork(Pool):
    """`concurrent.futures.ProcessPoolExecutor` with forked workers."""

    context = "fork"

    def executor(self, workers: int) -> Executor:
        """Make a pool."""
        return ProcessPoolExecutor(workers, multiprocessing.get_context(self.context))


class Spawn(Fork):
    """The same with spawned workers."""

    context = "spawn"


class Loky(Pool):
    """`loky.ProcessPoolExecutor`."""

    def executor(self, workers: int) -> Executor:
        """Make a pool."""
        import loky

        made: Executor = loky.ProcessPoolExecutor(workers)
        return made
