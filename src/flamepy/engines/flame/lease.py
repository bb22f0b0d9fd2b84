"""Say from time to time that we are there, to a server of ours; what a killed client has opened is closed there."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from flamepy.wire.leases import LEASE_SECONDS, WORDS_PER_LEASE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flamepy.engines.flame.wire import Wire

Held = tuple["Sequence[str]", "Sequence[str]"]
"""Names of sessions, and of applications."""


async def keep_alive(wire: Wire, held: Callable[[], Held]) -> None:
    """Renew the leases of what ``held`` returns until the loop ends, or the cluster is not ours."""
    import grpc

    from flamepy.wire import links
    from flamepy.wire.proto import links_pb2 as messages

    keep = links.KEEP.aio(wire.channel)
    pause = LEASE_SECONDS / WORDS_PER_LEASE
    while True:
        sessions, applications = held()
        if sessions or applications:
            asked = messages.KeepRequest(sessions=sessions, applications=applications)
            try:
                await keep(asked, timeout=pause, metadata=wire.address.metadata)
            except grpc.aio.AioRpcError as error:
                if error.code() is grpc.StatusCode.UNIMPLEMENTED:  # another's cluster has no leases
                    return
        await asyncio.sleep(pause)
