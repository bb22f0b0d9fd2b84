"""The connection to a Ray cluster, one for each process: Ray allows no more, and connecting takes seconds."""

from __future__ import annotations

import atexit
import logging
import os
import socket
import threading
from collections import deque
from contextlib import suppress

from flamepy.engines.ray import guest, sdk
from flamepy.engines.ray.questions import Questions
from flamepy.engines.ray.vault import DistantVault, NodeVault
from flamepy.errors import EngineUnavailable
from flamepy.model.snapshot import NodeRecord
from flamepy.model.specs import Resources

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from flamepy.engines.ray.relayed import Pump
    from flamepy.engines.ray.vault import Vault

HERE = "ray://"
"""The endpoint that names no host."""

TAKE_SECONDS = 60.0
"""Seconds that a result may take to become a Ray object."""

KNOCK_SECONDS = 10.0
"""Seconds that a cluster's head has to take a connection."""

LAST_SECONDS = 2.0
"""Seconds that nodes have to clean up at the end of the program."""

RELAY_ALL = "FLAMEPY_RAY_RELAY"
"""Variable: ``1`` if a distant client is not to try to connect to nodes."""

SEAT, STEWARD, RELAY = (f"flamepy.engines.ray.{place}" for place in ("seat:Seat", "steward:Steward", "relay:Relay"))
"""What actors of ours are, see `guest.Guest`."""

COUNTED = {"CPU": "cpu", "GPU": "gpu", "memory": "memory"}
"""Ray's names of what `Resources` has a field for."""


class Cluster:
    """A connected Ray.

    Args:
        ray: The module.
        endpoint: For messages.
        distant: Whether we are a Ray client, which has no object store, and out of whose reach nodes may be.

    Attributes:
        client: Name of this process's folders on the nodes.
        questions: What is asked of the cluster's head.
        relays_all: Whether a distant client is not even to try to connect to nodes.
        unreachable: Nodes that a distant client cannot connect to.
        vault: Makes and reads Ray objects.
    """

    def __init__(self, ray: Any, endpoint: str, *, distant: bool) -> None:
        self.ray = ray
        self.questions = Questions(endpoint)
        self._last: dict[str, Any] = {}
        self.distant = distant
        self.relays_all = os.environ.get(RELAY_ALL) == "1"
        self.unreachable: set[str] = set()
        self.vault: Vault = DistantVault(self) if distant else NodeVault()
        self._pump: Pump | None = None
        self._relay: Any = None
        self._relaying = threading.RLock()
        self.client = f"{os.getpid()}-{os.urandom(3).hex()}"
        self._warm: deque[Any] = deque()
        self._used = False
        self._stewards: dict[str, Any] = {}
        self._names: dict[str, str] = {}
        self._lock = threading.Lock()
        self._guest = ray.remote(guest.Guest)
        self._sdk = sdk.luggage(ray)

    def seat(self, resources: Resources) -> Any:
        """An actor for an executor; where nothing special is asked for, one that was started before."""
        if resources != Resources():
            return self._new_seat(resources)
        with self._lock:
            seat = self._warm.popleft() if self._warm else self._new_seat(resources)
            if self._used:  # a program that has one service does not pay for a second
                self._warm.append(self._new_seat(resources))
            self._used = True
            return seat

    def _new_seat(self, resources: Resources) -> Any:
        options: dict[str, Any] = {"num_cpus": resources.cpu, "num_gpus": resources.gpu, "max_restarts": 0}
        if resources.memory:
            options["memory"] = resources.memory
        return self._guest.options(**options, resources=dict(resources.custom)).remote(self._sdk, SEAT)

    def relay(self) -> Any:
        """The actor that acts for a distant client; on the node of the client's server, without which nothing works."""
        with self._relaying:
            if self._relay is None:
                from flamepy.engines.ray.relay import THREADS

                node = self.ray.get_runtime_context().get_node_id()
                options = _beside(node, soft=True) | {"max_concurrency": THREADS}
                self._relay = self._guest.options(**options).remote(self._sdk, RELAY)
            return self._relay

    def pump(self) -> Pump:
        """What carries the streams of a distant client to nodes that are out of its reach."""
        with self._relaying:
            if self._pump is None:
                from flamepy.engines.ray.relayed import Pump

                self._pump = Pump(self)
            return self._pump

    def relay_lost(self, relay: Any) -> None:
        """A relay is gone; the next who needs one has a new one made."""
        with self._relaying:
            if self._relay is relay:
                self._pump = self._relay = None

    def steward(self, node: str) -> Any:
        """The actor that looks after a node for this process; made when it is first needed."""
        with self._lock:
            found = self._stewards.get(node)
            if found is None:
                actor = self._guest.options(**_beside(node, soft=False))
                found = self._stewards[node] = actor.remote(self._sdk, STEWARD, self.client)
            return found

    def stewards(self) -> list[Any]:
        """Those there are."""
        with self._lock:
            return list(self._stewards.values())

    def leave(self) -> None:
        """This process ends: have the nodes cleaned."""
        leaving = [steward.do.remote("leave") for steward in self.stewards()]
        if leaving and self.ray.is_initialized():
            self.ray.wait(leaving, num_returns=len(leaving), timeout=LAST_SECONDS)

    def disown(self) -> None:
        """In a forked child: Ray's threads are the parent's, so whoever speaks to it here waits for ever."""
        import ctypes

        atexit.unregister(self.leave)
        atexit.unregister(self.ray._private.worker.shutdown)
        # Ray's destructors crash without its threads: neither Python's end nor the one after it may call them.
        for owner in (self.ray._private.worker.global_worker, self.ray._private.state.state):
            for part in vars(owner).values():
                ctypes.pythonapi.Py_IncRef(ctypes.py_object(part))
        libc = ctypes.CDLL(None)
        if hasattr(libc, "on_exit"):
            libc.on_exit(libc._exit, None)

    def lost(self, node: str) -> None:
        """A node is gone, and its steward with it."""
        with self._lock:
            self._stewards.pop(node, None)

    def wait_for(self, refs: list[Any]) -> None:
        """Wait until Ray objects exist, or there is no hope."""
        self.ray.wait(refs, num_returns=len(refs), timeout=TAKE_SECONDS, fetch_local=False)

    def kill(self, actor: Any) -> None:
        """Kill an actor, whatever its main thread does."""
        with suppress(self.ray.exceptions.RayError, ValueError, EngineUnavailable):
            self.questions.ask(lambda: self.ray.kill(actor))

    def clear(self, node: str, name: str) -> None:
        """Remove what is left of an executor on its node."""
        with self._lock:
            steward = self._stewards.get(node)
        if steward is not None:
            steward.do.remote("clear", name)

    # ---- what there is

    def _known(self, question: Callable[[], Any]) -> Any:
        """The answer, or if there is none the last one."""
        try:
            self._last[question.__name__] = self.questions.ask(question)
        except EngineUnavailable:
            if question.__name__ not in self._last:
                raise
        return self._last[question.__name__]

    def resources(self) -> Resources:
        """What the nodes have in all, at this moment."""
        found = {"cpu": 0.0, "gpu": 0.0, "memory": 0.0}
        custom = {}
        for name, amount in self._known(self.ray.cluster_resources).items():
            if name in COUNTED:
                found[COUNTED[name]] += amount
            elif not name.startswith(("node:", "object_store_memory")):
                custom[name] = amount
        return Resources(found["cpu"], int(found["memory"]), int(found["gpu"]), custom)

    def nodes(self) -> tuple[NodeRecord, ...]:
        """The nodes, for ``flmctl list -n``."""
        return tuple(
            NodeRecord(
                name=node["NodeName"],
                hostname=node["NodeManagerHostname"],
                state="Ready" if node["Alive"] else "NotReady",
                cpu=node["Resources"].get("CPU", 0),
                memory=int(node["Resources"].get("memory", 0)),
                gpu=int(node["Resources"].get("GPU", 0)),
            )
            for node in self._known(self.ray.nodes)
        )

    def name_of(self, node: str) -> str:
        """A node's name for people."""
        if node not in self._names:
            self._names = {each["NodeID"]: each["NodeName"] for each in self._known(self.ray.nodes)}
        return self._names.get(node, node)


def _beside(node: str, *, soft: bool) -> dict[str, Any]:
    """Options of an actor that takes nothing from a node's accounts."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    place = NodeAffinitySchedulingStrategy(node, soft=soft)
    return {"num_cpus": 0, "max_restarts": 0, "scheduling_strategy": place}


_connected: dict[str, Cluster] = {}
_connecting = threading.Lock()


def connect(endpoint: str, object_memory: int | None) -> Cluster:
    """Connect to Ray, or return this process's connection.

    Args:
        endpoint: ``ray://`` for the cluster of this node, or one started on the spot; ``ray://host:port`` for a
            cluster elsewhere.
        object_memory: Bytes for objects, should one be started.

    Raises:
        EngineUnavailable: Ray is not installed, nobody answers, versions do not fit, or this process is connected
            to another Ray.
    """
    try:
        import ray
    except ModuleNotFoundError as error:
        raise EngineUnavailable(
            f'{endpoint} needs Ray, which is not installed here: pip install "flamepy[ray]"', endpoint=endpoint
        ) from error
    with _connecting:
        ray.cloudpickle.register_pickle_by_value(guest)  # type: ignore[no-untyped-call]
        if not ray.is_initialized():
            _connected.clear()
            _initialize(ray, endpoint, object_memory)
        elif endpoint not in _connected and (_connected or endpoint != HERE):
            raise EngineUnavailable(
                f"this process is connected to another Ray than {endpoint}, and Ray allows one: "
                "leave the other runners and call ray.shutdown() first",
                endpoint=endpoint,
            )
        if endpoint not in _connected:
            cluster = _connected[endpoint] = Cluster(ray, endpoint, distant=endpoint != HERE)
            atexit.register(cluster.leave)  # before Ray's own, which was registered earlier
        return _connected[endpoint]


def _knock(address: str) -> None:
    """See that somebody listens at ``host:port``; Ray takes minutes to find out.

    Raises:
        OSError: Nobody does.
    """
    host, _, port = address.rpartition(":")
    if host and port.isdigit():
        try:
            socket.create_connection((host.strip("[]"), int(port)), KNOCK_SECONDS).close()
        except OSError as error:
            raise ConnectionError(f"nobody answers at {address} ({error})") from error


def _become_client(ray: Any, endpoint: str, settings: dict[str, Any]) -> None:
    """Connect by Ray's client; its proxy sometimes fails when two come at once."""
    for left in (2, 1, 0):
        try:
            ray.init(endpoint, **settings)
        except ConnectionAbortedError:
            if not left:
                raise
        else:
            return


def _initialize(ray: Any, endpoint: str, object_memory: int | None) -> None:
    settings: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        _knock(endpoint.removeprefix(HERE) or os.environ.get("RAY_ADDRESS", ""))
        if endpoint != HERE:
            _become_client(ray, endpoint, settings)
            return
        try:
            ray.init(address="auto", **settings)
        except ConnectionError:
            if "RAY_ADDRESS" in os.environ:
                raise
            ray.init(include_dashboard=False, object_store_memory=object_memory, **settings)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        raise EngineUnavailable(f"cannot connect to Ray at {endpoint}: {_words(error)}", endpoint=endpoint) from error


def _words(error: BaseException) -> str:
    """What an error says, in one line and without a traceback inside of it."""
    lines = str(error).strip().splitlines()
    if any(line.startswith("Traceback") for line in lines):
        lines = [lines[0], lines[-1]]
    return " ".join(" ".join(lines).split())
