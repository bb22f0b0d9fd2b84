"""Say from time to time that we are there, to a server of ours; what a killed client has opened is closed there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flamepy.engines.flame.wire import happened
from flamepy.wire.leases import LEASE_SECONDS, WORDS_PER_LEASE

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Collection, Sequence

    from flamepy.engines.flame.wire import Wire

Held = tuple["Sequence[str]", "Sequence[str]"]
"""Names of sessions, and of applications."""


async def keep_alive(wire: Wire, held: Callable[[], Held], packages: Collection[str], changed: asyncio.Event) -> None:
    """Renew leases until the loop ends, or the cluster is not ours.

    Args:
        wire: The connection.
        held: Returns the sessions and applications that are ours.
        packages: URLs of those that this program has stored in an object cache; it may change at any time.
        changed: Set when it has.
    """
    import grpc

    from flamepy.wire import links
    from flamepy.wire.proto import links_pb2 as messages

    keep = links.KEEP.aio(wire.channel)
    pause = LEASE_SECONDS / WORDS_PER_LEASE
    while True:
        sessions, applications = held()
        stored = tuple(packages)
        if sessions or applications or stored:
            asked = messages.KeepRequest(
                sessions=sessions, applications=applications, packages=stored, seconds=LEASE_SECONDS
            )
            try:
                await keep(asked, timeout=pause, metadata=wire.address.metadata)
            except grpc.aio.AioRpcError as error:
                if error.code() is grpc.StatusCode.UNIMPLEMENTED:  # another's cluster has no leases
                    return
        await happened(changed, pause)
        changed.clear()
