"""Executors over plain ``flame.v1``: each is a session whose tasks are letters; see `host.letters`.

Flame gives a session's tasks to any of its processes, and a conversation needs one and the same. So each executor has a
session of its own, of one process at most.
"""

from __future__ import annotations

import asyncio
import os
from marshal import loads
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from flamepy.engines.flame.application import KEEP_SECONDS, application_spec, requirement
from flamepy.engines.flame.calls import Calls, is_lost, words
from flamepy.engines.flame.carrier import FlameCarrier
from flamepy.engines.flame.host.boot import NEW_PROCESS
from flamepy.engines.flame.host.bulk import LARGE
from flamepy.engines.flame.host.letters import LIMIT, PACKAGE, Letter, Reply, pack_hello
from flamepy.engines.flame.host.place import stored_at
from flamepy.engines.flame.host.traffic import Cutter, Tally
from flamepy.engines.flame.parts import Cache
from flamepy.engines.flame.pipe import Pipe
from flamepy.engines.flame.sdk import first_task
from flamepy.engines.flame.silence import Lost
from flamepy.engines.flame.wire import happened
from flamepy.engines.linked.process import End
from flamepy.errors import EngineError, FlameError

if TYPE_CHECKING:
    from typing import Any

    from flamepy.engines.flame.host.bulk import Bulk, Reference
    from flamepy.engines.flame.host.letters import Piece
    from flamepy.engines.flame.lease import Held
    from flamepy.model.specs import PackageRef, SessionSpec
    from flamepy.wire.proto import types_pb2 as types

SHORTEST_HOLD, LONGEST_HOLD = 0.02, 1.0
"""Seconds that a reply may be kept back: a tenth of the time in which nothing has happened, between these bounds."""

AFTERTHOUGHT = 0.1
"""Seconds after the last reply at which one more letter asks for what was printed late."""

FAREWELLS = 3
"""Letters, of a second each at most, in which an executor of which nothing more is wanted has to end."""

LOOK_SECONDS = 2.0
"""Seconds between two looks why an executor does not start."""

RETRY_SECONDS = 0.2
"""Seconds between two tries to close a session whose task has not ended."""

GIVEN_UP = 1002
"""Code of the event after which a session gets no more processes; 1001 is one that could not be started."""

SUCCEED, CANCELLED = 2, 4


class PlainCarrier(FlameCarrier):
    """Registers an application for each runner and opens a session of it for each executor."""

    latency = 0.004

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._applications: dict[str, str] = {}
        self.cache = Cache(self.context, self.wire)

    def prepare(self, package: PackageRef) -> None:
        """Register the runner's application."""
        super().prepare(package)
        name = f"{package.name}-{self.engine}"
        description = f"flamepy runner '{package.name}' of {os.uname().nodename}, process {os.getpid()}"
        spec = application_spec(self.frontend, self.context.template, description)
        self.frontend.register_application(name, spec)
        self._applications[package.name] = name

    def held(self) -> Held:
        """The runners' applications; their sessions go with them."""
        return (), list(getattr(self, "_applications", {}).values())

    def application_of(self, spec: SessionSpec) -> str:
        """The application of a service's runner."""
        return self._applications[spec.package.name]

    def make_pipe(self, number: int, spec: SessionSpec) -> Pipe:
        """Open a session for an executor."""
        from flamepy.wire.proto import types_pb2 as types

        pipe = PlainPipe(self, number, spec)
        application = self.application_of(spec)
        pipe.prefix = f"{application}/{pipe.session_in(application)}"
        session = types.SessionSpec(
            application=application,
            common_data=pack_hello(self.order(number, spec) | {"objects": pipe.prefix}),
            min_instances=0,
            max_instances=1,
            batch_size=1,
            resreq=requirement(spec.resources),
        )
        self.wire.spawn(pipe.run(session))
        return pipe

    def clean_up(self) -> None:
        """Unregister the runners' applications; a cluster that is gone keeps them."""
        for name in self._applications.values():
            self.cache.clear(name)
            try:
                self.frontend.unregister_application(name)
            except EngineError as error:
                import logging

                logging.getLogger("flamepy").warning("the application '%s' stays registered: %s", name, error)


class PlainPipe(Pipe):
    """One executor behind a session of its own."""

    prefix: str

    def __init__(self, carrier: PlainCarrier, number: int, spec: SessionSpec) -> None:
        super().__init__(carrier, number, spec)
        self.tally = Tally()
        self._cache = carrier.cache
        self._said = Cutter()
        self._refers = False
        self._bulk: Bulk | None = None
        self._lent: list[Reference] = []

    def asked(self, body: bytes) -> None:
        """Count what it will have to answer."""
        self.tally.asked(loads(body))

    async def tell(self, data: bytes) -> None:
        """Count what it has answered, and pass it on."""
        raw, messages = self._said.feed(data)
        for message in messages:
            self.tally.said(message)
        await super().tell(raw)

    async def run(self, spec: types.SessionSpec) -> None:
        """Open the session, exchange letters, close it."""
        self._session = self.session_in(spec.application)
        self._number = 0
        self._stub = Calls(self._wire)
        self._touched = monotonic()
        self._afterthought = False
        end = End(reason="was not reached: this program is about to end")
        try:
            await self._carrier.silence.bear(self._stub.create_session(self._session, spec))
            end = await self._converse()
        except Lost as lost:
            end = lost.args[0]
        except Exception as error:  # noqa: BLE001 - whatever it is, this executor is lost
            end = End(reason=f"cannot be reached any more: {words(error)}", infrastructure=is_lost(error))
        finally:
            try:
                await self._close_session()
            finally:
                self.ended(end)

    def session_in(self, application: str) -> str:
        """The id of its session."""
        slug = "".join(c if c.isalnum() else "-" for c in self.spec.name).strip("-").lower()[:40] or "service"
        return f"{application}-{slug}-{self.number}"

    # ---- the conversation

    async def _converse(self) -> End:
        more = True
        while True:
            if not more:
                await self._wait()
            if self._hung_up and not self._killed and not self.tally.owed:
                return await self._farewell()
            more = False
            reply = await self._exchange()
            end = await self._take_in(reply)
            if end is not None:
                return end
            more = reply.more or not self.pid or bool(self._outbox or self._bells) or self._killed
            more = more or bool((self.tally.owed or self.tally.awaits) and not self._hung_up)
            if self._hung_up:
                return await self._farewell()

    async def _farewell(self) -> End:
        """Nothing more is wanted of it: return when it is gone, or it takes too long and the session's end ends it."""
        for _ in range(FAREWELLS if self.pid else 0):
            end = await self._take_in(await self._exchange(leave=True))
            if end is not None:
                return end
        return End(status=0)

    async def _wait(self) -> None:
        """Wait for something to say; at last say something so that the process is kept."""
        seconds = AFTERTHOUGHT if self._afterthought else KEEP_SECONDS
        self._afterthought = False
        self.stirred.clear()
        if not (self._outbox or self._bells or self._killed or self._hung_up):
            await happened(self.stirred, seconds)

    async def _exchange(self, *, leave: bool = False) -> Reply:
        self._number += 1
        data, pieces = await self._fill()
        bells, self._bells = self._bells, b""
        if data or bells:
            self._touched = monotonic()
        hold = LONGEST_HOLD
        if self.pid and not leave:
            hold = min(LONGEST_HOLD, max(SHORTEST_HOLD, (monotonic() - self._touched) / 10))
        letter = Letter(self._number, data, pieces, bells, hold, self._killed, self._cache.usable, leave).pack()
        self.start_reading()
        output = await self._task(first_task(letter) if self._number == 1 else letter)
        lent, self._lent = self._lent, []
        self._cache.forget(lent)
        return Reply.unpack(output)

    async def _fill(self) -> tuple[bytes, tuple[Piece, ...]]:
        """What is to be said, as much as one letter holds; parts of large objects go into the cache, if they can."""
        application = self.prefix.partition("/")[0]
        if not (self._outbox.large and self._refers and await self._cache.tried(application)):
            return self._outbox.fill(LIMIT)
        self._stop_reading()  # so that the outbox is the other thread's alone
        self._bulk = self._bulk or self._cache.way(self.prefix)
        self._outbox.refer = self._refer
        try:
            return await self._cache.run(self._outbox.fill, LIMIT)
        finally:
            self._outbox.refer = None

    def _refer(self, part: bytes) -> Reference | None:
        assert self._bulk is not None
        try:
            reference = self._bulk.store(part)
        except FlameError:
            self._cache.usable = False  # from now on they travel in tasks
            return None
        self._lent.append(reference)
        return reference

    async def _take_in(self, reply: Reply) -> End | None:
        """Pass a reply on; returns the executor's end if it is that."""
        if reply.wants:
            self._outbox.add_object(*await asyncio.to_thread(self._package))
        if reply.lost:
            return End(reason="was lost together with its service process", infrastructure=True)
        self._afterthought = bool(reply.data)
        self._refers = reply.refers
        for piece in reply.pieces:
            await self._take_piece(*piece)
        if reply.data or reply.output:
            self._touched = monotonic()
            self.tell_output(reply.output)
        if reply.pid:
            self.started(reply.pid, reply.node)
        self.last_running = reply.running
        await self.tell(reply.data)
        if reply.reason:
            return End(reason=f"could not be started on {reply.node}: {reply.reason}")
        if reply.status is not None:
            return End(reply.status, running=reply.running)
        return None

    async def _take_piece(self, name: str, capacity: int, offset: int, part: bytes | Reference) -> None:
        write = self._carrier.objects.write
        if isinstance(part, bytes):
            write(name, capacity, offset, part)
            if capacity >= LARGE and self._refers:
                self._cache.try_out(self.prefix.partition("/")[0])
            return
        self._bulk = self._bulk or self._cache.way(self.prefix)
        write(name, capacity, offset, await self._cache.run(self._bulk.fetch, part))
        self._cache.forget([part])

    def _package(self) -> tuple[str, int]:
        """Have the package at hand, for a worker that cannot fetch it; returns its name among the objects, and size."""
        package, context = self.spec.package, self._carrier.context
        name = f"{PACKAGE}{package.sha256[:32]}"
        folder = self._carrier.objects.spill
        os.makedirs(folder, mode=0o700, exist_ok=True)
        path = Path(folder, name)
        if not path.exists():
            ca_file = context.cache_ca_file or context.ca_file
            storage, stored = stored_at(package.url, context.token, str(ca_file) if ca_file else None)
            fresh = path.with_name(f"{name}.{self.number}")
            storage.download(stored, fresh)
            fresh.rename(path)
        return name, path.stat().st_size

    # ---- one task

    async def _task(self, data: bytes) -> bytes:
        """Have a task done; sent again if nobody knows whether it was taken, which its letter's number allows."""
        while True:
            try:
                task = await self._stub.create_task(self._session, data)
                done = await self._finished(task.metadata.id)
            except Exception as error:
                if not is_lost(error):
                    raise
                await self._carrier.silence.bear(self._stub.come_back(self._session))
            else:
                break
        if done.status.state == SUCCEED:
            return done.spec.output
        if done.status.state == CANCELLED:
            raise Lost(End(reason="was ended: somebody closed its session"))
        done = await self._stub.get_task(self._session, done.metadata.id)  # which has the events
        text = "; ".join(event.message for event in done.status.events if event.code == done.status.state)
        raise Lost(End(reason=f"was lost: {text or 'its service process ended'}", infrastructure=NEW_PROCESS in text))

    async def _finished(self, task: str) -> types.Task:
        watching = asyncio.ensure_future(self._stub.watch_task(self._session, task))
        try:
            while True:
                ready, _ = await asyncio.wait({watching}, timeout=None if self.pid else LOOK_SECONDS)
                if ready:
                    return watching.result()
                await self._look_why()
        finally:
            watching.cancel()

    async def _look_why(self) -> None:
        """It does not start: the session's events may say why."""
        session = await self._stub.get_session(self._session)
        for event in session.status.events:
            if event.code == GIVEN_UP or (event.code == GIVEN_UP - 1 and self._ending):
                texts = [each.message for each in session.status.events if each.code >= GIVEN_UP - 1]
                raise Lost(End(reason=f"could not be started: {'; '.join(texts)}"))

    @property
    def _ending(self) -> bool:
        return self._hung_up

    async def _close_session(self) -> None:
        for _ in range(50):
            try:
                await self._stub.close_session(self._session)
            except Exception as error:  # noqa: BLE001 - the cluster may be gone; then there is nothing to close
                if is_lost(error) or "running" not in words(error).lower():
                    return
            else:
                return
            await asyncio.sleep(RETRY_SECONDS)
