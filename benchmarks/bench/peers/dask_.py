"""Dask's distributed on this machine: worker processes, an actor, futures."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import distributed
import work

from bench.peers.port import Peer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Dask(Peer):
    """A `LocalCluster` of processes with one thread each."""

    def start(self) -> None:
        """Start the cluster and wait for its workers."""
        self.cluster = distributed.LocalCluster(
            n_workers=self.executors, threads_per_worker=1, dashboard_address=None, silence_logs=50
        )
        self.client = distributed.Client(self.cluster)
        self.client.wait_for_workers(self.executors)
        self.actors: dict[int, Any] = {}

    def stop(self) -> None:
        """End the cluster."""
        self.client.close()
        self.cluster.close()

    def actor(self, number: int) -> Any:
        """The stateful services."""
        if number not in self.actors:
            self.actors[number] = self.client.submit(work.Counter, actor=True, key=f"counter-{number}").result()
        return self.actors[number]

    def ask_method(self, name: str, service: int = 0) -> Callable[..., Any]:
        """``actor.name(...).result()``."""
        method = getattr(self.actor(service), name)
        return lambda *args: method(*args).result()

    def ask_function(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """``client.submit(...).result()``."""
        submit = self.submit_function(function)
        return lambda *args: submit(*args).result()

    def submit_method(self, name: str, service: int = 0) -> Callable[..., Any]:
        """``actor.name``."""
        method: Callable[..., Any] = getattr(self.actor(service), name)
        return method

    def submit_function(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """``client.submit``, each call a task of its own."""
        return partial(self.client.submit, function, pure=False)

    def collect(self, submitted: Sequence[Any]) -> list[Any]:
        """``client.gather``; an actor's futures have their own ``result``."""
        if submitted and not isinstance(submitted[0], distributed.Future):
            return [future.result() for future in submitted]
        values: list[Any] = self.client.gather(list(submitted))
        return values

    def map(self, function: Callable[..., Any], items: Sequence[Any]) -> list[Any]:
        """``client.map``."""
        return self.collect(self.client.map(function, items, items, pure=False))

    def put(self, value: Any) -> Any:
        """``client.scatter``."""
        return self.client.scatter([value], hash=False)[0]

    def fetch(self, reference: Any) -> Any:
        """``future.result()``."""
        return reference.result()
