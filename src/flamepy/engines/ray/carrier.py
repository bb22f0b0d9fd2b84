"""Executors as Ray actors: has them made, connects to them, learns how they ended."""

from __future__ import annotations

import logging
import os
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from functools import partial
from pathlib import Path

from flamepy.engines.linked.binding import hooks_into_imports, path_outside
from flamepy.engines.linked.process import End
from flamepy.engines.ray.channel import RayChannel
from flamepy.engines.ray.objects import RayObjects
from flamepy.engines.ray.ticket import TOKEN_BYTES, Address, Ticket
from flamepy.errors import StorageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextlib import ExitStack
    from typing import Any

    from flamepy.engines.linked.carrier import Clock, Objects, Reports
    from flamepy.engines.ray.cluster import Cluster
    from flamepy.model.snapshot import NodeRecord
    from flamepy.model.specs import PackageRef, Resources, SessionSpec

GRACE = 2.0
"""Seconds that executors have to end by themselves when the engine does."""

AUTOPSY_SECONDS = 60.0
"""Seconds for a steward to answer; Ray says sooner that its node is lost."""

SUSPICION = 3.0
"""Seconds in which Ray says that an executor has ended whose streams have."""

OBJECT_LIMIT = 1 << 62
"""Bytes for results in shared memory until they are Ray objects; the file system is the limit."""


class RayCarrier:
    """See `flamepy.engines.linked.carrier.Carrier`.

    Args:
        endpoint: As in flame.yaml.
        cluster: The connection.
        main_by_value: Whether code of ``__main__`` travels by value.
    """

    place = "this Ray cluster"

    def __init__(self, endpoint: str, cluster: Cluster, *, main_by_value: bool) -> None:
        self.endpoint = endpoint
        self.objects: Objects
        self._main_by_value = main_by_value
        self._cluster = cluster
        self._engine = ""
        self._archives: dict[str, list[Any]] = {}
        self._living: dict[int, tuple[RayChannel, Future[None]]] = {}
        self._threads: ThreadPoolExecutor
        self._reports: Reports
        self._clock: Clock

    def open(self, engine: str, undo: ExitStack) -> None:
        """Make the object store; threads for what waits for Ray."""
        self._engine = engine
        self.objects = RayObjects(self._cluster, main_by_value=self._main_by_value)
        self._threads = ThreadPoolExecutor(4, "flamepy-ray")
        undo.callback(self._threads.shutdown, wait=False, cancel_futures=True)
        silence = self._cluster.questions.on_silence
        silence.append(self._lose_all)
        undo.callback(silence.remove, self._lose_all)

    def start(self, reports: Reports, clock: Clock) -> None:
        """Nothing to start before the first executor."""
        self._reports, self._clock = reports, clock

    @property
    def resources(self) -> Resources:
        """Of all nodes, at this moment."""
        return self._cluster.resources()

    def nodes(self) -> tuple[NodeRecord, ...]:
        """The cluster's nodes."""
        return self._cluster.nodes()

    # ---- packages

    def prepare(self, package: PackageRef) -> None:
        """Make its archive a Ray object, which each node that needs it gets once."""
        import ray

        if package.archive is None:
            raise StorageError(f"package '{package.name}' at {package.url} was not brought to this machine")
        self._archives[package.name] = [ray.put(Path(package.archive).read_bytes())]

    def forget(self, package: PackageRef) -> None:
        """Remove it from the nodes."""
        self._archives.pop(package.name, None)
        for steward in self._cluster.stewards():
            steward.do.remote("forget", self._folder(package))

    def _folder(self, package: PackageRef) -> str:
        return f"{self._engine}-{package.name}"

    def binding(self, number: int, spec: SessionSpec) -> dict[str, Any]:
        """What `RayHost.complete` needs."""
        project = spec.package.folder
        return {
            "roots": list(spec.package.import_roots),
            "cwd": spec.package.cwd,
            "main": spec.main_path,
            "project": project,
            "outside": path_outside(project),
            "site": hooks_into_imports(),
            "limit": OBJECT_LIMIT,
        }

    # ---- executors

    def launch(self, number: int, spec: SessionSpec) -> RayChannel:
        """Have an actor made; it is connected to when it has said where it listens."""
        package, questions = spec.package, self._cluster.questions
        token, name = os.urandom(TOKEN_BYTES), f"{self._engine}.{number}"
        archive = self._archives[package.name]
        ticket = Ticket(
            client=self._cluster.client,
            name=name,
            token=token,
            package=self._folder(package),
            sha256=package.sha256,
            archive=archive,
            environment=package.environment,
        )
        actor = None if questions.silent else self._cluster.seat(spec.resources)
        channel = self._kind_of_channel()(self._cluster, actor, name, token, partial(self._suspect, number))
        if actor is None:
            self._living[number] = channel, Future()
            self._clock.after(0, self._lose_all)
            return channel
        opening, serving = actor.do.remote("open", tuple(ticket)).future(), actor.do.remote("serve").future()
        self._living[number] = channel, serving
        opening.add_done_callback(lambda done: self._soon(self._opened, number, channel, done))
        serving.add_done_callback(lambda done: self._soon(self._served, number, channel, done))
        return channel

    def _kind_of_channel(self) -> type[RayChannel]:
        if not self._cluster.distant:
            return RayChannel
        from flamepy.engines.ray.relayed import DistantChannel

        return DistantChannel

    def _soon(self, action: Any, number: int, channel: RayChannel, done: Future[Any]) -> None:
        """Off Ray's own threads; they have more to do than wait for us."""
        try:
            self._threads.submit(self._safely, action, number, channel, done)
        except RuntimeError:  # the engine has ended
            return

    def _safely(self, action: Any, number: int, channel: RayChannel, done: Future[Any]) -> None:
        """Whatever goes wrong is the end of this executor, and not of silence."""
        try:
            action(number, channel, done)
        except Exception as error:
            logging.getLogger("flamepy").exception("cannot work with an executor on Ray")
            self._over(number, End(reason=f"was given up: {type(error).__name__}: {error}"))

    def _opened(self, number: int, channel: RayChannel, done: Future[Any]) -> None:
        error = done.exception()
        if error is not None:
            self._cluster.kill(channel.actor)
            self._over(number, End(reason=f"could not start: {_last_line(error)}"))
            return
        address = Address(*done.result())
        try:
            channel.connect(address)
        except OSError as error:
            if channel.data.fileno() >= 0:
                self._over(number, End(reason=f"could not be reached at {address.host}:{address.port} ({error})"))
            self._cluster.kill(channel.actor)
            return
        channel.is_open = True
        self._clock.after(0, lambda: self._reports.started(number, address.pid))

    def _served(self, number: int, channel: RayChannel, done: Future[Any]) -> None:
        """The actor's main thread has come back, or never will."""
        import ray

        error = done.exception()
        if channel.cut_off:
            end = End(reason="was cut off: its relay is gone", infrastructure=True)
        elif error is None:
            end = End(status=0)
        elif isinstance(error, ray.exceptions.RayTaskError) or channel.address is None:
            end = End(reason=f"could not start: {_last_line(error)}")
        else:
            end = self._autopsy(channel, channel.address)
        self._cluster.kill(channel.actor)
        self._over(number, end)

    def _autopsy(self, channel: RayChannel, address: Address) -> End:
        """How an executor ended; if its node does not know, the node is lost."""
        import ray

        try:
            steward = self._cluster.steward(address.node)
            running, status, words = ray.get(steward.do.remote("autopsy", channel.name), timeout=AUTOPSY_SECONDS)
        except (ray.exceptions.RayError, ValueError):
            self._cluster.lost(address.node)
            return End(reason=f"was lost with its node ({channel.node})", infrastructure=True)
        return End(status, "", running, words)

    def _suspect(self, number: int) -> None:
        """Its streams have ended: if Ray does not say soon what became of it, see whether there is a cluster at all."""
        if number in self._living:
            self._clock.after(SUSPICION, lambda: self._look(number))

    def _look(self, number: int) -> None:
        if number in self._living:
            with suppress(RuntimeError):  # the engine has ended
                self._threads.submit(self._cluster.nodes)

    def _lose_all(self) -> None:
        """The cluster is gone, and with it every executor."""
        for number in list(self._living):
            self._over(number, End(reason=f"was lost: {self._cluster.questions.error()}"))

    def _over(self, number: int, end: End) -> None:
        if self._living.pop(number, None) is not None:
            self._clock.after(0, lambda: self._reports.ended(number, end))

    # ---- the end

    def say_goodbye(self) -> None:
        """Executors see their streams end; those that have not begun were killed by `RayChannel.hang_up`."""

    def close(self) -> None:
        """Return when no executor is left."""
        living = list(self._living.values())
        _, stuck = wait([serving for _, serving in living], GRACE)
        for channel, serving in living:
            if serving in stuck:
                channel.kill()
            elif not serving.cancelled():
                self._cluster.kill(channel.actor)
            channel.bury()
        wait(stuck, GRACE)
        for package in list(self._archives):
            for steward in self._cluster.stewards():
                steward.do.remote("forget", f"{self._engine}-{package}")

    def disown(self) -> None:
        """In a forked child: Ray is the parent's."""
        self._cluster.disown()


def _last_line(error: BaseException) -> str:
    """What Ray says of an error, without the traceback above it."""
    return (str(error).strip().splitlines() or [type(error).__name__])[-1]
