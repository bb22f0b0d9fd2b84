"""What clients of ours leave when they are killed: closed and unregistered when their leases have run out."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from flamepy.errors import EngineError
from flamepy.model.lifecycle import SessionState
from flamepy.wire import links
from flamepy.wire.leases import lease_of
from flamepy.wire.proto import links_pb2 as messages

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flamepy.server.book import Book
    from flamepy.server.host.fleet import Fleet
    from flamepy.server.parcels import Parcels
    from flamepy.server.records import Application, Session
    from flamepy.wire.rpc import Served

LOOK_SECONDS = 1.0
"""Between two looks at all leases."""

logger = logging.getLogger("flamepy.server")


class Leases:
    """Who has been heard of, and when.

    A session to which a client holds a stream counts as heard of. After a restart of the server every lease begins
    anew.

    Args:
        book: Sessions and applications.
        fleet: Ends what runs.
        parcels: The packages of clients.
    """

    def __init__(self, book: Book, fleet: Fleet, parcels: Parcels) -> None:
        self._book = book
        self._fleet = fleet
        self._parcels = parcels
        self._sessions: dict[str, float] = {}
        self._applications: dict[str, float] = {}
        self._watch: asyncio.Task[None] | None = None

    def served(self) -> Iterator[Served]:
        """Yield the method by which clients renew their leases."""
        yield links.KEEP.served(self._keep)

    def start(self) -> None:
        """Look after the leases from now on."""
        self._watch = asyncio.get_running_loop().create_task(self._look_after(), name="leases")

    async def close(self) -> None:
        """Stop; idempotent."""
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.cancel()
            await asyncio.wait([watch])

    async def _keep(self, request: messages.KeepRequest, _context: object) -> messages.KeepReply:
        now = asyncio.get_running_loop().time()
        gone = []
        for name in request.sessions:
            known = self._book.sessions.get(name)
            if known is None or known.state is not SessionState.OPEN:
                gone.append(name)
            else:
                self._sessions[name] = now
        for name in request.applications:
            if name in self._book.applications:
                self._applications[name] = now
            else:
                gone.append(name)
        await self._parcels.keep(request.packages, request.seconds)
        return messages.KeepReply(gone=gone)

    async def _look_after(self) -> None:
        while True:
            now = asyncio.get_running_loop().time()
            for session in [each for each in self._book.sessions.values() if each.lease is not None]:
                if self._is_over(session, now):
                    self._close(session, f"{session.lease} s")
            for application in self._book.applications.all():
                lease = lease_of(application.spec.labels)
                if lease is not None and now - self._applications.setdefault(application.name, now) > lease:
                    self._unregister(application, f"{lease} s")
            await self._parcels.look_after()
            await asyncio.sleep(LOOK_SECONDS)

    def _is_over(self, session: Session, now: float) -> bool:
        if session.state is not SessionState.OPEN:
            self._sessions.pop(session.id, None)
            return False
        if any(each.lent for each in session.executors.values()):
            self._sessions[session.id] = now
        assert session.lease is not None
        return now - self._sessions.setdefault(session.id, now) > session.lease

    def _close(self, session: Session, seconds: str) -> None:
        logger.info("session %s is closed: nothing was heard of its client for %s", session.id, seconds)
        self._book.lost_client(session, seconds)
        self._sessions.pop(session.id, None)
        self._fleet.close_session(session)

    def _unregister(self, application: Application, seconds: str) -> None:
        name = application.name
        for session in tuple(self._book.sessions.values()):
            if session.spec.application == name and session.state is SessionState.OPEN:
                self._close(session, seconds)
        self._applications.pop(name, None)
        try:
            self._book.applications.unregister(name)
        except EngineError as error:
            logger.warning("application %s, whose client is gone, stays registered: %s", name, error)
        else:
            logger.info("application %s is unregistered: nothing was heard of its client for %s", name, seconds)
            self._book.changes += 1
