"""Large objects over plain ``flame.v1`` lie in the cluster's object cache while they travel; tasks only refer to them.

A task is kept by the session manager, in its memory and on its disk, with all that went in and came out; the cache
forgets what is deleted. So an object is cut into parts, each is stored, fetched by the other end and deleted. Where one
of the ends cannot reach the cache, objects travel in tasks, a few megabytes at a time.
"""

from __future__ import annotations

import itertools
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flamepy.wire.cache import CacheClient
    from flamepy.wire.rows import Buffer

LARGE = 512 << 10
"""Bytes from which on an object goes through the cache; measured: at half of it both ways take as long."""

PART = 64 << 20
"""Bytes of one part, at most."""

Reference = tuple[str, str]
"""A part in a cache: the cache's address as it tells it, and the part's key."""


class Bulk:
    """One end's way to the cache.

    Args:
        client: The cache.
        prefix: ``<application>/<session>``, where parts go.
        name: What their names begin with.
    """

    def __init__(self, client: CacheClient, prefix: str, name: str) -> None:
        self._client = client
        self._names = (f"{prefix}/{name}-{number}" for number in itertools.count(1))

    def store(self, part: Buffer) -> Reference:
        """Store a part.

        Raises:
            FlameError: The cache does not answer, or refuses.
        """
        found = self._client.put(next(self._names), part)
        return found.endpoint, found.key

    def fetch(self, reference: Reference) -> memoryview:
        """Return a part.

        Raises:
            FlameError: It is gone, or the cache does not answer.
        """
        from flamepy.wire.objects import ObjectRef

        return self._client.read(ObjectRef(*reference))

    def delete(self, reference: Reference) -> None:
        """Remove a part.

        Raises:
            FlameError: The cache does not answer.
        """
        self._client.delete(reference[1])


def of_service(prefix: str) -> Bulk | None:
    """The way of a service process to its cluster's cache, as the variables say that a cluster gives; None: no way."""
    from importlib.util import find_spec
    from pathlib import Path

    endpoint = os.environ.get("FLAME_CACHE_ENDPOINT")
    if not endpoint or find_spec("pyarrow") is None:
        return None
    from flamepy.errors import FlameError
    from flamepy.wire.cache import CacheClient

    ca_file = os.environ.get("FLAME_CA_FILE")
    try:
        client = CacheClient(endpoint, token=os.environ.get("FLAME_TOKEN"), ca_file=Path(ca_file) if ca_file else None)
    except FlameError:  # a scheme that Flight does not know
        return None
    return Bulk(client, prefix, "out")
