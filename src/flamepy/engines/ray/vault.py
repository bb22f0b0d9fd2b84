"""How this process makes, describes and reads Ray objects: by itself on a node, through the relay as a Ray client."""

from __future__ import annotations

from pickle import PickleBuffer

from flamepy.engines.ray.store import adopt_reference, fetch, reference_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Protocol

    from flamepy.engines.ray.cluster import Cluster

    class Vault(Protocol):
        """Ray objects, as this process reaches them."""

        def put(self, buffers: Sequence[memoryview]) -> Any:
            """Make an object of ours."""

        def describe(self, ref: Any) -> tuple[bytes, bytes, bytes]:
            """A reference as it travels in our messages."""

        def adopt(self, travelled: tuple[bytes, bytes, bytes]) -> Any:
            """The reference that travelled."""

        def fetch(self, ref: Any) -> list[memoryview]:
            """An object's buffers, read-only."""


class NodeVault:
    """On a node of the cluster: objects are mapped."""

    adopt = staticmethod(adopt_reference)
    describe = staticmethod(reference_of)
    fetch = staticmethod(fetch)

    def put(self, buffers: Sequence[memoryview]) -> Any:
        """Make an object of ours."""
        import ray

        return ray.put([PickleBuffer(buffer) for buffer in buffers])


class DistantVault:
    """As a Ray client: objects belong to its server in the cluster, and travel in calls.

    Args:
        cluster: The connection.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._owner = b""

    def put(self, buffers: Sequence[memoryview]) -> Any:
        """Make an object of ours."""
        return self._cluster.ray.put([bytes(buffer) for buffer in buffers])

    def describe(self, ref: Any) -> tuple[bytes, bytes, bytes]:
        """A reference as it travels; all that we make have the same owner, who is asked for once."""
        if not self._owner:
            _, self._owner, _ = self._ask("describe", [ref])
        return ref.binary(), self._owner, b""

    def adopt(self, travelled: tuple[bytes, bytes, bytes]) -> Any:
        """The reference that travelled."""
        return self._ask("adopt", travelled)[0]

    def fetch(self, ref: Any) -> list[memoryview]:
        """An object's buffers, read-only."""
        return [memoryview(data) for data in self._ask("read", [ref])]

    def _ask(self, method: str, *args: Any) -> Any:
        ray, relay = self._cluster.ray, self._cluster.relay()
        try:
            return ray.get(relay.do.remote(method, *args))
        except ray.exceptions.ActorDiedError:
            self._cluster.relay_lost(relay)
            return ray.get(self._cluster.relay().do.remote(method, *args))
