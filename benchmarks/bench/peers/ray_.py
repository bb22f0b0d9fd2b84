"""Ray on this machine: an actor, tasks, and its object store."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import ray
import work

from bench.peers.port import Peer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Ray(Peer):
    """A local cluster with a core for each executor, and two that actors take nothing of."""

    def start(self) -> None:
        """Start the cluster and its workers."""
        ray.init(num_cpus=self.executors, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
        self.actors: dict[int, Any] = {}
        self.functions: dict[Any, Any] = {}
        pid = ray.remote(work.pid)
        ray.get([pid.remote(0.2) for _ in range(self.executors)])

    def stop(self) -> None:
        """End the cluster."""
        ray.shutdown()

    def actor(self, number: int) -> Any:
        """The stateful services."""
        if number not in self.actors:
            self.actors[number] = ray.remote(num_cpus=0)(work.Counter).remote()
            ray.get(self.actors[number].pid.remote())
        return self.actors[number]

    def function(self, function: Callable[..., Any]) -> Any:
        """A remote function, made once."""
        if function not in self.functions:
            self.functions[function] = ray.remote(function)
        return self.functions[function]

    def ask_method(self, name: str, service: int = 0) -> Callable[..., Any]:
        """``ray.get(actor.name.remote(...))``."""
        remote = self.submit_method(name, service)
        return lambda *args: ray.get(remote(*args))

    def ask_function(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """``ray.get(function.remote(...))``."""
        remote = self.submit_function(function)
        return lambda *args: ray.get(remote(*args))

    def submit_method(self, name: str, service: int = 0) -> Callable[..., Any]:
        """``actor.name.remote``."""
        remote: Callable[..., Any] = getattr(self.actor(service), name).remote
        return remote

    def submit_function(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """``function.remote``."""
        remote: Callable[..., Any] = self.function(function).remote
        return remote

    def collect(self, submitted: Sequence[Any]) -> list[Any]:
        """``ray.get``."""
        values: list[Any] = ray.get(list(submitted))
        return values

    def map(self, function: Callable[..., Any], items: Sequence[Any]) -> list[Any]:
        """A task for each item; Ray has no map of its own without a pool of actors."""
        remote = self.submit_function(function)
        return self.collect([remote(item, item) for item in items])

    def put(self, value: Any) -> Any:
        """``ray.put``."""
        return ray.put(value)

    def fetch(self, reference: Any) -> Any:
        """``ray.get``."""
        return ray.get(reference)

    def gather(self, name: str, count: int) -> list[Any]:
        """``asyncio.gather`` over object references."""
        remote = self.submit_method(name)

        async def run() -> list[Any]:
            start = time.perf_counter()
            values = await asyncio.gather(*[remote(number, 1) for number in range(count)])
            return [time.perf_counter() - start, values]

        return asyncio.run(run())
