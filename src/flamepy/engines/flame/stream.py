"""Executors of a server of ours: one gRPC stream each, on which bytes and objects flow both ways."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING

from flamepy.engines.flame.application import VERSION, requirement
from flamepy.engines.flame.calls import is_lost, words
from flamepy.engines.flame.carrier import FlameCarrier
from flamepy.engines.flame.pipe import Pipe
from flamepy.engines.flame.silence import Lost
from flamepy.engines.linked.process import End
from flamepy.errors import EngineError
from flamepy.wire.leases import lease_mark

if TYPE_CHECKING:
    from typing import Any

    from flamepy.context import FlameContext
    from flamepy.engines.flame.frontend import Frontend
    from flamepy.engines.flame.lease import Held
    from flamepy.model.specs import SessionSpec
    from flamepy.wire.proto import links_pb2 as messages

ROOM = 1 << 20
"""Bytes of one message, at most: far below what gRPC refuses."""

PROBE_SECONDS = 5.0
CLOSE_SECONDS = 5.0
UNANSWERED = {"UNAVAILABLE", "DEADLINE_EXCEEDED"}
TALLY_SECONDS = 0.5
"""Seconds between two reports of a service's counters."""

BELL = 9
"""Bytes of one ring of the bell, see `runtime.loop`."""

APPLICATION = "flmrun"
"""The application under which services are shown."""


def carries(context: FlameContext, frontend: Frontend) -> bool:
    """Whether a cluster has the stream, and we may use it.

    Args:
        context: ``FLAMEPY_FLAME_LINKS=0`` in the environment says no.
        frontend: A connection to it.
    """
    from flamepy.wire import links
    from flamepy.wire.proto import links_pb2 as messages

    if os.environ.get("FLAMEPY_FLAME_LINKS") == "0":
        return False
    asked = messages.ProbeRequest(flamepy=_version(), python=VERSION, protocol=links.PROTOCOL)
    try:
        return frontend.channel.call(links.PROBE, asked, timeout=PROBE_SECONDS).carries
    except EngineError:  # a cluster that is not ours does not know the question
        return False


def _version() -> str:
    return str(getattr(sys.modules["flamepy"], "__version__", "unknown"))


class StreamCarrier(FlameCarrier):
    """Opens a session for each service, and a stream for each executor."""

    latency = 0.001

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._sessions: dict[int, tuple[SessionSpec, str]] = {}

    def held(self) -> Held:
        """The services' sessions."""
        return [name for _, name in list(self._sessions.values())], ()

    def session_of(self, spec: SessionSpec) -> str:
        """The id of a service's session."""
        found = self._sessions.get(id(spec))
        if found is None:
            slug = "".join(c if c.isalnum() else "-" for c in spec.name).strip("-").lower()[:40] or "service"
            name = f"{APPLICATION}-{spec.package.name}-{slug}-{self.engine}-{len(self._sessions) + 1}"
            found = self._sessions[id(spec)] = spec, name  # the specification is kept, so that its id stays its own
        return found[1]

    def make_pipe(self, number: int, spec: SessionSpec) -> Pipe:
        """Begin a stream."""
        requirement(spec.resources)
        pipe = StreamPipe(self, number, spec)
        self.wire.spawn(pipe.run(self.session_of(spec)))
        return pipe

    def clean_up(self) -> None:
        """Close the services' sessions; a server that is gone keeps them."""
        for _, name in self._sessions.values():
            if self.silence.given_up:
                return
            try:
                self.frontend.close_session(name, timeout=CLOSE_SECONDS)
            except EngineError as error:
                if error.code in UNANSWERED:
                    return


class StreamPipe(Pipe):
    """One executor behind a stream."""

    _tally: messages.Tally | None = None
    _counted: tuple[int, ...] = ()

    async def run(self, session: str) -> None:
        """Open the stream, carry everything both ways, close it."""
        end = End(reason="was not reached: this program is about to end")
        try:
            await self._carrier.silence.bear(self._open_session(session))
            end = await self._carry(session)
        except Lost as lost:
            end = lost.args[0]
        except Exception as error:  # noqa: BLE001 - whatever it is, this executor is lost
            # Only what a new start can mend is nobody's fault, else starts would follow each other for ever.
            end = End(reason=f"was lost with its server: {words(error)}", infrastructure=is_lost(error))
        finally:
            self.ended(end)

    async def _open_session(self, session: str) -> None:
        """See that the session is there, on a server that may just be starting again."""
        from flamepy.wire import frontend
        from flamepy.wire.proto import frontend_pb2, types_pb2

        spec = types_pb2.SessionSpec(
            application=APPLICATION,
            common_data=lease_mark().encode(),
            min_instances=0,
            max_instances=self.spec.max_instances,
            batch_size=1,
            resreq=requirement(self.spec.resources),
        )
        asked = frontend_pb2.OpenSessionRequest(session_id=session, session=spec)
        metadata = self._wire.address.metadata
        method = frontend.OPEN_SESSION.aio(self._wire.channel)
        await method(asked, metadata=metadata, wait_for_ready=True)

    async def _carry(self, session: str) -> End:
        from flamepy.wire import links
        from flamepy.wire.proto import links_pb2 as messages

        call: Any = links.CARRY.aio(self._wire.channel)(None, metadata=self._wire.address.metadata)
        await call.write(messages.CarryFrame(open=self._open(session)))
        writing = asyncio.ensure_future(self._write(call))
        counting = asyncio.ensure_future(self._count())
        writing.add_done_callback(lambda done: done.cancelled() or not done.exception() or call.cancel())
        try:
            async for frame in call:
                end = await self._take_in(frame)
                if end is not None:
                    return end
            return End(reason="was lost with its server", infrastructure=True)
        finally:
            writing.cancel()
            counting.cancel()
            call.cancel()

    def _open(self, session: str) -> messages.Open:
        from flamepy.wire.proto import links_pb2 as messages

        order = self._carrier.order(self.number, self.spec)
        return messages.Open(
            session=session,
            service=order["creator"],
            package=messages.Package(
                name=order["name"],
                url=order["url"],
                sha256=order["sha256"],
                import_roots=order["import_roots"],
                cwd=order["cwd"],
            ),
            resources=messages.Resources(memory=order["object_memory"]),
            python=VERSION,
            environment_current=order["environment"] == "current",
            environment_fitting=order["environment"] == "fitting",
            sized=requirement(self.spec.resources) is not None,
        )

    async def _take_in(self, frame: messages.CarryFrame) -> End | None:
        kind = frame.WhichOneof("kind")
        if kind == "data":
            await self.tell(frame.data)
        elif kind == "piece":
            piece = frame.piece
            self._carrier.objects.write(piece.name, piece.size, piece.offset, piece.data)
        elif kind == "output":
            self.tell_output(frame.output.data)
        elif kind == "started":
            self.started(frame.started.pid, frame.started.node)
            self.start_reading()
        elif kind == "progress":
            self._carrier.report_waiting(self.number, frame.progress.step)
        elif kind == "ended":
            if frame.ended.lost:
                return End(reason=f"could not be started: {frame.ended.reason}")
            return End(frame.ended.status, running=frame.ended.running)
        return None

    async def _write(self, call: Any) -> None:
        """Send what there is to send; the only one who writes, since gRPC takes one message at a time."""
        from flamepy.wire.proto import links_pb2 as messages

        while True:
            self.stirred.clear()
            while self._outbox:
                data, pieces = self._outbox.fill(ROOM)
                for name, capacity, offset, part in pieces:
                    assert isinstance(part, bytes)  # only letters refer to a cache
                    piece = messages.Piece(name=name, size=capacity, offset=offset, data=part)
                    await call.write(messages.CarryFrame(piece=piece))
                if data:
                    await call.write(messages.CarryFrame(data=data))
            self.start_reading()
            if self._hung_up:  # the last word
                self._take_count()
            for order in self._orders():
                await call.write(order)
            if self._hung_up and not self._outbox:
                await call.done_writing()
                return
            await self.stirred.wait()

    def _orders(self) -> list[messages.CarryFrame]:
        """Rings of the bell, the order to kill, counters."""
        from flamepy.wire.proto import links_pb2 as messages

        orders = []
        bells, self._bells = self._bells, b""
        for place in range(0, len(bells), BELL):
            number = int.from_bytes(bells[place + 1 : place + BELL], "little")
            orders.append(messages.CarryFrame(ring=messages.Ring(why=bells[place], number=number)))
        if self._killed:
            self._killed = False
            orders.append(messages.CarryFrame(kill=messages.Kill()))
        if self._tally is not None:
            orders.append(messages.CarryFrame(tally=self._tally))
            self._tally = None
        return orders

    async def _count(self) -> None:
        """Tell the server how the service's calls stand, whenever that has changed."""
        while True:
            await asyncio.sleep(TALLY_SECONDS)
            if not self._hung_up and self._take_count():
                self.stirred.set()

    def _take_count(self) -> bool:
        """Look at the service's counters; says whether they have changed."""
        from flamepy.wire.proto import links_pb2 as messages

        counts = self._carrier.objects.counts(self.number)
        if not counts or counts == self._counted:
            return False
        self._counted = counts
        pending, running, succeed, failed, cancelled = counts
        self._tally = messages.Tally(
            pending=pending, running=running, succeed=succeed, failed=failed, cancelled=cancelled
        )
        return True
