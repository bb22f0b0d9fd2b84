"""What both ways into a Flame cluster share: folders, objects, packages' facts, reports, and an orderly end."""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
from functools import partial
from typing import TYPE_CHECKING

from flamepy.engines.flame.application import VERSION
from flamepy.engines.flame.channel import Address
from flamepy.engines.flame.frontend import Frontend
from flamepy.engines.flame.lease import keep_alive
from flamepy.engines.flame.objects import TravellingObjects
from flamepy.engines.flame.silence import Silence
from flamepy.engines.flame.wire import Wire
from flamepy.engines.linked.machine import machine_memory, shared_memory_root, temporary_root
from flamepy.errors import EngineError, EngineUnavailable
from flamepy.model.snapshot import NodeRecord
from flamepy.model.specs import Resources

if TYPE_CHECKING:
    from contextlib import ExitStack
    from typing import Any

    from flamepy.context import FlameContext
    from flamepy.engines.flame.lease import Held
    from flamepy.engines.flame.pipe import Pipe
    from flamepy.engines.linked.carrier import Clock, Reports
    from flamepy.engines.linked.process import End
    from flamepy.model.specs import PackageRef, SessionSpec

FITTING = "fitting"
"""The usual environment of clusters: made with uv if the project requires something, else the worker's own."""

MEMORY_SHARE = 0.3
"""Of the client's memory, what its copies of objects may take unless told otherwise."""

FAREWELL = 10.0
"""Seconds in which executors have to be gone when the engine ends."""


class FlameCarrier:
    """Starts executors in a cluster; see `flamepy.engines.linked.carrier.Carrier`.

    Args:
        context: Where the cluster is.
        frontend: A connection to it.
        object_memory: Bytes of shared memory for objects; None for 30 % of the machine's memory.
        main_by_value: Whether code of ``__main__`` travels by value.
    """

    place = "this cluster"

    def __init__(
        self, context: FlameContext, frontend: Frontend, *, object_memory: int | None, main_by_value: bool
    ) -> None:
        self.context = context
        self.endpoint = context.endpoint
        self.frontend = frontend
        self.wire = Wire(Address.of(context))
        self.silence = Silence(context.endpoint)
        self.objects: TravellingObjects
        self._nodes = nodes_of(frontend)
        self.resources = _capacity(self._nodes)
        self.engine = ""
        self._object_memory = object_memory
        self._main_by_value = main_by_value
        self._reports: Reports
        self._clock: Clock
        self._pipes: dict[int, Pipe] = {}
        self._packages: set[str] = set()
        self._stored = asyncio.Event()
        self._gone = threading.Condition()
        self._ending = False

    # ---- the engine's folders

    def open(self, engine: str, undo: ExitStack) -> None:
        """Make the folders for copies of objects."""
        self.engine = engine
        undo.callback(self.frontend.close)
        shared = f"{shared_memory_root()}/flamepy-{os.geteuid()}-{engine}"
        spill = f"{temporary_root()}/flamepy-{os.geteuid()}-{engine}.work"
        for folder in (shared, spill):
            os.mkdir(folder, 0o700)
            undo.callback(partial(shutil.rmtree, folder, ignore_errors=True))
        limit = self._object_memory or int(MEMORY_SHARE * machine_memory())
        self.objects = TravellingObjects(shared, f"{spill}/spill", limit, main_by_value=self._main_by_value)
        undo.callback(self.objects.close)

    def start(self, reports: Reports, clock: Clock) -> None:
        """Start the wire."""
        self._reports, self._clock = reports, clock
        self.wire.start()
        self.wire.spawn(keep_alive(self.wire, self.held, self._packages, self._stored))

    def held(self) -> Held:
        """The sessions and applications that are ours, and go with us."""
        return (), ()

    def nodes(self) -> tuple[NodeRecord, ...]:
        """The cluster's machines, as they were when we connected."""
        return self._nodes

    # ---- packages

    def prepare(self, package: PackageRef) -> None:
        """Have it removed should this program be killed; executors fetch it from its storage."""
        if package.stored and package.url.startswith("grpc"):  # a file or a bucket is no matter of the cluster
            self._packages.add(package.url)
            self.wire.soon(self._stored.set)

    def forget(self, package: PackageRef) -> None:
        """Its program removes it now."""
        self._packages.discard(package.url)

    def order(self, number: int, spec: SessionSpec) -> dict[str, Any]:
        """What the machine of an executor has to know before it can start it."""
        package = spec.package
        return {
            "name": package.name,
            "url": package.url,
            "sha256": package.sha256,
            "import_roots": tuple(package.import_roots),
            "cwd": package.cwd,
            "python": VERSION,
            "environment": package.environment or self.context.environment or FITTING,
            "object_memory": self._object_memory or 0,
            "creator": f"e{number}",
        }

    def binding(self, number: int, spec: SessionSpec) -> dict[str, Any]:
        """What does not depend on the machine; `host.executor.Worker` adds the rest there."""
        return {"creator": f"e{number}", "main": spec.main_path}

    # ---- executors

    def launch(self, number: int, spec: SessionSpec) -> Pipe:
        """Start an executor; it is reported when it is there."""
        pipe = self.make_pipe(number, spec)
        self._pipes[number] = pipe
        return pipe

    def make_pipe(self, number: int, spec: SessionSpec) -> Pipe:
        """Begin with an executor."""
        raise NotImplementedError

    def report_started(self, number: int, pid: int) -> None:
        """An executor exists; from the wire's loop."""
        self._clock.after(0, lambda: self._reports.started(number, pid))

    def report_waiting(self, number: int, why: str) -> None:
        """An executor cannot be there yet; from the wire's loop."""
        self._clock.after(0, lambda: self._reports.waiting(number, why))

    def report_ended(self, number: int, end: End) -> None:
        """An executor is gone; from the wire's loop."""
        with self._gone:
            self._pipes.pop(number, None)
            self._gone.notify_all()
        self._clock.after(0, lambda: self._reports.ended(number, end))

    def buried(self, number: int) -> None:
        """The engine has heard all that an executor said."""

    # ---- the end

    def say_goodbye(self) -> None:
        """Nothing to do: our ends of the executors' sockets are closed, and that tells them."""
        self._ending = True
        for pipe in list(self._pipes.values()):
            self.wire.soon(pipe.stirred.set)

    def close(self) -> None:
        """Return when all executors are gone, or it has taken too long."""
        with self._gone:
            self._gone.wait_for(lambda: not self._pipes, FAREWELL)
        self.wire.stop()
        self.clean_up()

    def clean_up(self) -> None:
        """Remove what is left in the cluster."""

    def disown(self) -> None:
        """In a forked child: the connection is the parent's."""


def nodes_of(frontend: Frontend) -> tuple[NodeRecord, ...]:
    """Ask for a cluster's machines."""
    from flamepy.wire.proto import types_pb2 as types

    return tuple(
        NodeRecord(
            name=node.metadata.name,
            hostname=node.spec.hostname,
            state=types.NodeState.Name(node.status.state),
            cpu=node.status.capacity.cpu,
            memory=node.status.capacity.memory,
            gpu=node.status.capacity.gpu,
            arch=node.status.info.arch,
            os=node.status.info.os,
        )
        for node in frontend.list_nodes()
    )


def _capacity(nodes: tuple[NodeRecord, ...]) -> Resources:
    return Resources(
        cpu=sum(node.cpu for node in nodes),
        memory=sum(node.memory for node in nodes),
        gpu=sum(node.gpu for node in nodes),
    )


def connect(context: FlameContext) -> Frontend:
    """Connect to a cluster.

    Raises:
        EngineUnavailable: Nobody answers there, grpc is not installed, or it is no Flame cluster.
    """
    frontend = Frontend.connect(context)
    try:
        frontend.list_nodes()
    except EngineError as error:
        frontend.close()
        raise EngineUnavailable(str(error), endpoint=context.endpoint) from error
    return frontend
