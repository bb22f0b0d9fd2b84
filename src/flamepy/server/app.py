"""`Server`: everything that runs in ``flame-session-manager``, from start to stop."""

from __future__ import annotations

import asyncio
import fcntl
import shutil
import tempfile
import time
import uuid
from pathlib import Path
from typing import IO, TYPE_CHECKING

from flamepy.errors import EngineError
from flamepy.serialization.lodgings import sweep
from flamepy.server import builtin
from flamepy.server.book import Book
from flamepy.server.config import DEFAULT_CACHE_PORT, address
from flamepy.server.frontend import Frontend
from flamepy.server.health import Health
from flamepy.server.host.fleet import Fleet
from flamepy.server.host.install import Installer, Sources
from flamepy.server.host.process import Reaper
from flamepy.server.host.workplace import Workplace
from flamepy.server.leases import Leases
from flamepy.server.listening import listen
from flamepy.server.logs import Logs
from flamepy.server.machine import this_machine
from flamepy.server.parcels import Parcels
from flamepy.server.restoring import restore
from flamepy.server.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import grpc.aio

    from flamepy.server.config import Config
    from flamepy.server.parcels import Objects
    from flamepy.wire.rpc import Served

GRACE_SECONDS = 2.0
"""How long requests that are under way may take when the server ends."""


class Server:
    """A single-node Flame server on the running event loop.

    Args:
        config: What it is told; ``config.data`` must be a folder that no other server uses.
        more: Further methods to serve, made once everything else exists.
        objects: The object cache beside it, where packages of killed clients are removed.

    Attributes:
        id: Of this life of the server.
        endpoint: Where it listens; known after `start`.

    Example:
        >>> server = Server(config)  # doctest: +SKIP
        >>> await server.start()  # doctest: +SKIP
        >>> await server.stop()  # doctest: +SKIP
    """

    def __init__(
        self,
        config: Config,
        more: Callable[[Server], Iterable[Served]] = lambda _: (),
        objects: Objects | None = None,
    ) -> None:
        self.config = config
        self.id = uuid.uuid4().hex
        self.created = time.time()
        self.endpoint = config.endpoint
        self.machine = this_machine(config.capacity)
        self._more = more
        self._lock = _locked(config.data)
        self.logs = Logs(config.data / "logs" / "sessions")
        self.store = Store(config.data / "flame.db" if config.kept else ":memory:", config.synchronous)
        self.book = Book(self.store, need=config.need, max_sessions=config.max_sessions, retry_limit=config.retry_limit)
        self.book.forgotten = self.logs.forget
        self._reaper = Reaper()
        self._sockets = _fresh_sockets(config.data)
        self.endpoints = self._endpoints()
        self.fleet = Fleet(self._workplace(), self.machine.capacity, config.max_executors)
        self.leases = Leases(self.book, self.fleet, Parcels(objects))
        self.health: Health | None = None
        self._listener: grpc.aio.Server | None = None

    async def start(self) -> None:
        """Read what was kept, listen, and run what waits.

        Raises:
            EngineError: The address cannot be had, or the store cannot be read.
        """
        await asyncio.to_thread(builtin.install_commands, self.config.data)
        shutil.rmtree(self.config.data / "executors", ignore_errors=True)
        await asyncio.to_thread(sweep)  # what a server that was killed has left of its executors
        restore(self.book)
        builtin.register(self.book.applications)
        await self.store.saved()
        self.health = Health()
        frontend = Frontend(self.book, self.fleet, self.machine)
        served = [*frontend.served(), *self.health.served(), *self.leases.served(), *self._more(self)]
        self._listener, port = await listen(self.config, served)
        host, _ = address(self.config.endpoint, port)
        self.endpoint = f"{'https' if self.config.tls else 'http'}://{host}:{port}"
        self.endpoints["FLAME_ENDPOINT"] = f"{self.endpoint.partition('://')[0]}://{_dialled(host)}:{port}"
        self.fleet.start()
        self.leases.start()

    async def stop(self) -> None:
        """End everything; what was running is run again after the next start. Idempotent."""
        if self.health is not None:
            self.health.end()
        await self.leases.close()
        await self.fleet.close()
        if self._listener is not None:
            await self._listener.stop(GRACE_SECONDS)
            self._listener = None
        if self._lock.closed:
            return
        try:
            await self.store.saved()
        finally:
            self.store.close()
            await asyncio.to_thread(self._reaper.close)
            shutil.rmtree(self._sockets, ignore_errors=True)
            shutil.rmtree(self.config.data / "executors", ignore_errors=True)
            self._lock.close()

    def _workplace(self) -> Workplace:
        config = self.config
        ca_file = config.tls.ca_file if config.tls else None
        return Workplace(
            home=config.data,
            sockets=self._sockets,
            book=self.book,
            logs=self.logs,
            installer=Installer(config.data, Sources(config.sdk, config.token, ca_file)),
            reaper=self._reaper,
            endpoints=self.endpoints,
        )

    def _endpoints(self) -> dict[str, str]:
        """Return the variables that tell services where the server is."""
        config = self.config
        host, port = address(config.cache, DEFAULT_CACHE_PORT)
        result = {
            "FLAME_ENDPOINT": config.endpoint,
            "FLAME_CACHE_ENDPOINT": f"{config.cache.partition('://')[0]}://{_dialled(host)}:{port}",
        }
        if config.token:
            result["FLAME_TOKEN"] = config.token
        if config.tls and config.tls.ca_file:
            result["FLAME_CA_FILE"] = str(config.tls.ca_file)
        return result


def _locked(folder: Path) -> IO[str]:
    """Make the folder ours; the lock is given back by the kernel however this process ends."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = (folder / "lock").open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise EngineError(f"{folder} is used by another server: end that one, or choose another --data") from None
    return file


def _fresh_sockets(data: Path) -> Path:
    """Make the folder for services' sockets, with a short name, and remove that of a server that was killed."""
    note = data / "sockets"
    if note.exists():
        left = Path(note.read_text().strip())
        if left.name.startswith("flame-"):
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix="flame-"))
    note.write_text(str(folder))
    return folder


def _dialled(host: str) -> str:
    """Return the host that services on this machine call."""
    return {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)
