"""ipyparallel: a controller and engines; the stateful service lives in one of them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import ipyparallel
import work

from bench.peers.pools import on_counter
from bench.peers.port import Peer, Unsupported

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Ipyparallel(Peer):
    """A local cluster."""

    def start(self) -> None:
        """Start the cluster and its engines."""
        self.cluster = ipyparallel.Cluster(n=self.executors, log_level=50)
        self.client = self.cluster.start_and_connect_sync(activate=False)
        self.client[:].apply_sync(work.pid)
        self.balanced = self.client.load_balanced_view()

    def stop(self) -> None:
        """End the cluster."""
        self.client.close()
        self.cluster.stop_cluster_sync()

    def ask_method(self, name: str, service: int = 0) -> Callable[..., Any]:
        """``view.apply_sync`` on one engine."""
        return partial(self.client[service].apply_sync, on_counter, name)

    def ask_function(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """``view.apply_sync`` on any engine."""
        return partial(self.balanced.apply_sync, function)

    def submit_method(self, name: str, service: int = 0) -> Callable[..., Any]:
        """``view.apply_async`` on one engine."""
        return partial(self.client[service].apply_async, on_counter, name)

    def submit_function(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """``view.apply_async`` on any engine."""
        return partial(self.balanced.apply_async, function)

    def collect(self, submitted: Sequence[Any]) -> list[Any]:
        """Each result's ``get``."""
        return [result.get() for result in submitted]

    def map(self, function: Callable[..., Any], items: Sequence[Any]) -> list[Any]:
        """``view.map_sync``, one task for each item."""
        return list(self.balanced.map_sync(function, items, items, chunksize=1))

    def buffer(self, array: Any) -> Any:
        """Not asked: it is among the slow ones already."""
        raise Unsupported("large arguments are not asked of it")
