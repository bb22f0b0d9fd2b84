"""Parsl with its high-throughput executor: functions only."""

from __future__ import annotations

import tempfile
from functools import partial
from typing import TYPE_CHECKING, Any

import parsl
import work

from bench.peers.port import Peer, Unsupported

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Parsl(Peer):
    """One block of workers on this machine."""

    def start(self) -> None:
        """Start the executor and its workers."""
        self.folder = tempfile.TemporaryDirectory()
        executor = parsl.HighThroughputExecutor(
            address="127.0.0.1", max_workers_per_node=self.executors, encrypted=False
        )
        self.kernel = parsl.load(parsl.Config(executors=[executor], run_dir=self.folder.name))
        self.apps: dict[Any, Any] = {}
        self.collect([self.app(work.pid)(0.2) for _ in range(self.executors)])

    def stop(self) -> None:
        """End the executor."""
        self.kernel.cleanup()
        parsl.clear()
        self.folder.cleanup()

    def app(self, function: Callable[..., Any]) -> Any:
        """A function as an app, made once."""
        if function not in self.apps:
            self.apps[function] = parsl.python_app(function)
        return self.apps[function]

    def ask_function(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """``app(...).result()``."""
        app = self.app(function)
        return lambda *args: app(*args).result()

    def submit_function(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The app."""
        return partial(self.app(function))

    def collect(self, submitted: Sequence[Any]) -> list[Any]:
        """Each future's result."""
        return [future.result() for future in submitted]

    def map(self, function: Callable[..., Any], items: Sequence[Any]) -> list[Any]:
        """A call for each item; it has no map of its own."""
        app = self.app(function)
        return self.collect([app(item, item) for item in items])

    def buffer(self, array: Any) -> Any:
        """Not asked: it is among the slow ones already."""
        raise Unsupported("large arguments are not asked of it")
