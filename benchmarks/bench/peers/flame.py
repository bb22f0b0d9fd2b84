"""flamepy, as its users write it."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import work

import flamepy
from bench.peers.port import Peer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PROJECT = Path(work.__file__).parent


class Flame(Peer):
    """The embedded engine with the defaults of a `FlameRunner`."""

    def start(self) -> None:
        """Enter a runner; two services of their own, and functions over the executors."""
        logging.basicConfig()
        self.runner = flamepy.FlameRunner("bench", project=PROJECT, show_logs=not os.environ.get("BENCH_NO_LOGS"))
        self.runner.__enter__()
        self.functions: dict[Any, Any] = {}
        self.services: dict[int, Any] = {}

    def stop(self) -> None:
        """Leave the runner."""
        self.runner.__exit__(None, None, None)

    def service(self, number: int) -> Any:
        """The stateful services, made when they are first asked for."""
        if number not in self.services:
            self.services[number] = self.runner.service(work.Counter(), name=f"counter-{number}")
        return self.services[number]

    def function(self, function: Callable[..., Any]) -> Any:
        """The service of a function, with all its executors started."""
        if function not in self.functions:
            service = self.runner.service(function, instances=self.executors)
            self.functions[function] = service
            if function is work.pid:
                return service
            self._warm(service, function)
        return self.functions[function]

    def _warm(self, service: Any, function: Callable[..., Any]) -> None:
        if function is work.add:
            flamepy.get([service(number, 1) for number in range(2000)])
            time.sleep(0.1)

    def ask_method(self, name: str, service: int = 0) -> Callable[..., Any]:
        """``service.name(...).get()``."""
        handle = self.service(service)
        if name == "add":

            def add(a: int, b: int) -> Any:
                return handle.add(a, b).get()

            return add
        method = getattr(handle, name)
        return lambda *args: method(*args).get()

    def ask_function(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """``service(...).get()``."""
        service = self.function(function)
        return lambda *args: service(*args).get()

    def submit_method(self, name: str, service: int = 0) -> Callable[..., Any]:
        """``service.name``."""
        method: Callable[..., Any] = getattr(self.service(service), name)
        return method

    def submit_function(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The service itself."""
        service: Callable[..., Any] = self.function(function)
        return service

    def collect(self, submitted: Sequence[Any]) -> list[Any]:
        """``flamepy.get``."""
        return flamepy.get(submitted)

    def map(self, function: Callable[..., Any], items: Sequence[Any]) -> list[Any]:
        """``service.map``."""
        return flamepy.get(self.function(function).map(items, items))

    def put(self, value: Any) -> Any:
        """``runner.put``."""
        return self.runner.put(value)

    def fetch(self, reference: Any) -> Any:
        """``ref.get()``."""
        return reference.get()

    def gather(self, name: str, count: int) -> list[Any]:
        """``asyncio.gather`` inside a `FlameAsyncRunner`."""
        return asyncio.run(_gather(name, count, asyncio.gather))

    def own_gather(self, name: str, count: int) -> list[Any]:
        """``flamepy.gather`` there."""
        return asyncio.run(_gather(name, count, flamepy.gather))


async def _gather(name: str, count: int, gather: Callable[..., Any]) -> list[Any]:
    async with flamepy.FlameAsyncRunner("bench-async", project=PROJECT) as runner:
        method = getattr(runner.service(work.Counter()), name)
        done = await gather(*[method(number, 1) for number in range(count)])
        start = time.perf_counter()
        done = await gather(*[method(number, 1) for number in range(count)])
        seconds = time.perf_counter() - start
        values = done if gather is flamepy.gather else [each.get() for each in done]
        return [seconds, values]
