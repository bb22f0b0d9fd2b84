"""Pyro5 over Unix sockets: server processes that expose an object; a batch call in place of futures."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from typing import TYPE_CHECKING, Any

import Pyro5.api
import Pyro5.client
import Pyro5.errors
import work

from bench.peers.port import Peer, Unsupported

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ONE_BY_ONE, BATCHES = "marshal", "msgpack"
"""Its fastest serializer, and the fastest that its batches work with."""

Pyro5.api.expose(work.Counter)


@Pyro5.api.expose
class Counter(work.Counter):
    """The stateful service, and the functions as methods."""

    def run_add(self, a: int, b: int) -> int:
        """The function `work.add`."""
        return work.add(a, b)

    def run_look(self, data: Any) -> tuple[int, int, int]:
        """The function `work.look`."""
        return work.look(data)

    def run_total(self, data: Any) -> tuple[float, float]:
        """The function `work.total`."""
        import numpy as np

        return work.total(np.frombuffer(data, np.uint8))

    def array(self, number: int) -> bytes:
        """The array as bytes: its serializers know no arrays."""
        made: bytes = super().array(number).tobytes()
        return made

    def run_spin(self, seconds: float) -> int:
        """The function `work.spin`."""
        return work.spin(seconds)


class Pyro(Peer):
    """A server process for each executor and each service."""

    def start(self) -> None:
        """Fork the servers."""
        self.folder = tempfile.TemporaryDirectory()
        self.pids = [self._serve(number) for number in range(max(2, self.executors))]
        self.proxies = [self._connect(number) for number in range(len(self.pids))]
        self.batched = [self._connect(number, BATCHES) for number in range(len(self.pids))]
        self.batches: list[Any] = []

    def _serve(self, number: int) -> int:
        pid = os.fork()
        if not pid:
            daemon = Pyro5.api.Daemon(unixsocket=f"{self.folder.name}/{number}")
            daemon.register(Counter(), "counter")
            daemon.requestLoop()
        return pid

    def _connect(self, number: int, serializer: str = ONE_BY_ONE) -> Any:
        proxy = Pyro5.api.Proxy(f"PYRO:counter@./u:{self.folder.name}/{number}")
        proxy._pyroSerializer = serializer
        while True:
            try:
                proxy._pyroBind()
            except Pyro5.errors.CommunicationError:
                time.sleep(0.001)  # it does not listen yet
            else:
                return proxy

    def stop(self) -> None:
        """End the servers."""
        for proxy in (*self.proxies, *self.batched):
            proxy._pyroRelease()
        for pid in self.pids:
            os.kill(pid, signal.SIGTERM)
            os.waitpid(pid, 0)
        self.folder.cleanup()

    def ask_method(self, name: str, service: int = 0) -> Callable[..., Any]:
        """A remote method."""
        if name == "field":
            raise Unsupported("its serializers know no dataclasses")
        found: Callable[..., Any] = getattr(self.proxies[service], name)
        return found

    def ask_function(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The method that stands for the function."""
        found: Callable[..., Any] = getattr(self.proxies[0], f"run_{function.__name__}")
        return found

    def submit_method(self, name: str, service: int = 0) -> Callable[..., Any]:
        """A method of a batch: one message with all calls, without futures."""
        if name == "field":
            raise Unsupported("its serializers know no dataclasses")
        batch = Pyro5.client.BatchProxy(self.batched[service])
        self.batches = [batch]
        found: Callable[..., Any] = getattr(batch, name)
        return found

    def submit_function(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """A method of the batch of one server after the other."""
        self.batches = [Pyro5.client.BatchProxy(proxy) for proxy in self.batched[: self.executors]]
        methods = [getattr(batch, f"run_{function.__name__}") for batch in self.batches]
        turn = 0

        def submit(*args: Any) -> None:
            nonlocal turn
            methods[turn](*args)
            turn = (turn + 1) % len(methods)

        return submit

    def collect(self, submitted: Sequence[Any]) -> list[Any]:
        """Send the batches and put their results into the order of the calls."""
        from concurrent.futures import ThreadPoolExecutor

        if len(self.batches) == 1:
            return list(self.batches[0]())
        with ThreadPoolExecutor(len(self.batches)) as threads:
            answers = list(threads.map(lambda batch: list(batch()), self.batches))
        for proxy in self.batched:
            proxy._pyroClaimOwnership()
        values: list[Any] = [None] * len(submitted)
        for number, answer in enumerate(answers):
            values[number :: len(answers)] = answer
        return values

    def buffer(self, array: Any) -> Any:
        """Bytes: its serializers know no arrays."""
        return array.tobytes()
