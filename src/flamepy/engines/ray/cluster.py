"""The connection to a Ray cluster, one for each process: Ray allows no more, and connecting takes seconds."""

from __future__ import annotations

import atexit
import logging
import os
import threading
from collections import deque
from contextlib import suppress

from flamepy.engines.ray.seat import Seat
from flamepy.engines.ray.steward import Steward
from flamepy.errors import EngineUnavailable
from flamepy.model.snapshot import NodeRecord
from flamepy.model.specs import Resources

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flamepy.engines.ray.relayed import Pump

HERE = "ray://"
"""The endpoint that names no host."""

TAKE_SECONDS = 60.0
"""Seconds that a result may take to become a Ray object."""

LAST_SECONDS = 2.0
"""Seconds that nodes have to clean up at the end of the program."""

COUNTED = {"CPU": "cpu", "GPU": "gpu", "memory": "memory"}
"""Ray's names of what `Resources` has a field for."""


class Cluster:
    """A connected Ray.

    Args:
        ray: The module.
        distant: Whether we are a Ray client, whom the nodes cannot reach.

    Attributes:
        client: Name of this process's folders on the nodes.
    """

    def __init__(self, ray: Any, *, distant: bool) -> None:
        self._ray = ray
        self.distant = distant
        self._pump: Pump | None = None
        self.client = f"{os.getpid()}-{os.urandom(3).hex()}"
        self._warm: deque[Any] = deque()
        self._used = False
        self._stewards: dict[str, Any] = {}
        self._names: dict[str, str] = {}
        self._lock = threading.Lock()
        self._seat = ray.remote(Seat)
        self._steward = ray.remote(Steward)

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
        return self._seat.options(**options, resources=dict(resources.custom)).remote()

    def pump(self) -> Pump:
        """What carries the streams of a distant client."""
        with self._lock:
            if self._pump is None:
                from flamepy.engines.ray.relayed import Pump

                self._pump = Pump(self._ray)
            return self._pump

    def steward(self, node: str) -> Any:
        """The actor that looks after a node for this process; made when it is first needed."""
        with self._lock:
            found = self._stewards.get(node)
            if found is None:
                from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

                place = NodeAffinitySchedulingStrategy(node, soft=False)
                options = {"num_cpus": 0, "max_restarts": 0, "scheduling_strategy": place}
                found = self._stewards[node] = self._steward.options(**options).remote(self.client)
            return found

    def stewards(self) -> list[Any]:
        """Those there are."""
        with self._lock:
            return list(self._stewards.values())

    def leave(self) -> None:
        """This process ends: have the nodes cleaned."""
        leaving = [steward.leave.remote() for steward in self.stewards()]
        if leaving and self._ray.is_initialized():
            self._ray.wait(leaving, num_returns=len(leaving), timeout=LAST_SECONDS)

    def lost(self, node: str) -> None:
        """A node is gone, and its steward with it."""
        with self._lock:
            self._stewards.pop(node, None)

    def wait_for(self, refs: list[Any]) -> None:
        """Wait until Ray objects exist, or there is no hope."""
        self._ray.wait(refs, num_returns=len(refs), timeout=TAKE_SECONDS, fetch_local=False)

    def kill(self, actor: Any) -> None:
        """Kill an actor, whatever its main thread does."""
        with suppress(self._ray.exceptions.RayError, ValueError):
            self._ray.kill(actor)

    def clear(self, node: str, name: str) -> None:
        """Remove what is left of an executor on its node."""
        with self._lock:
            steward = self._stewards.get(node)
        if steward is not None:
            steward.clear.remote(name)

    # ---- what there is

    def resources(self) -> Resources:
        """What the nodes have in all, at this moment."""
        found = {"cpu": 0.0, "gpu": 0.0, "memory": 0.0}
        custom = {}
        for name, amount in self._ray.cluster_resources().items():
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
            for node in self._ray.nodes()
        )

    def name_of(self, node: str) -> str:
        """A node's name for people."""
        if node not in self._names:
            self._names = {each["NodeID"]: each["NodeName"] for each in self._ray.nodes()}
        return self._names.get(node, node)


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
            cluster = _connected[endpoint] = Cluster(ray, distant=endpoint != HERE)
            atexit.register(cluster.leave)  # before Ray's own, which was registered earlier
        return _connected[endpoint]


def _initialize(ray: Any, endpoint: str, object_memory: int | None) -> None:
    settings: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    try:
        if endpoint != HERE:
            ray.init(endpoint, **settings)
            return
        try:
            ray.init(address="auto", **settings)
        except ConnectionError:
            if "RAY_ADDRESS" in os.environ:
                raise
            ray.init(include_dashboard=False, object_store_memory=object_memory, **settings)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        what = " ".join(str(error).split())
        raise EngineUnavailable(f"cannot connect to Ray at {endpoint}: {what}", endpoint=endpoint) from error
