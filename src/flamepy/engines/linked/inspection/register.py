"""What others may know of an engine: its folder, its answers to flmctl, its last words; the litter of killed ones."""

from __future__ import annotations

import os
import weakref
from collections import deque
from time import time

from flamepy.engines.linked.inspection import places
from flamepy.errors import EngineError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flamepy.completion import Completion
    from flamepy.engines.linked.engine import LinkedEngine
    from flamepy.engines.linked.session import LinkedSession
    from flamepy.model.snapshot import SessionRecord, Snapshot, TaskRecord

SOON = 0.2
"""Seconds after the start, or after a change, at which the keeper brings the folder up to date."""

MAX_CLOSED = 1000
"""Closed sessions of an engine that are remembered."""

MAX_TASKS = 1000
"""Tasks of a session that are listed."""


class Register:
    """The public face of one engine."""

    def __init__(self, engine: LinkedEngine) -> None:
        from flamepy.engines.linked.inspection.control import ControlServer, handler_for

        self._engine = engine
        self._closed: deque[SessionRecord] = deque(maxlen=MAX_CLOSED)
        self._numbers: dict[str, dict[int, tuple[int, weakref.ref[Completion]]]] = {}
        self._count = 0
        self._pending = True
        self._reclaimed = False
        self._server = ControlServer(engine.place.control_path, handler_for(self))
        engine.keeper.watch(self._server.fileno(), self._server.handle_ready)
        engine.keeper.after(SOON, self._catch_up)

    def changed(self) -> None:
        """A session was opened: say so soon, should the program be killed."""
        if not self._pending:
            self._pending = True
            self._engine.keeper.after(SOON, self._catch_up)

    def _catch_up(self) -> None:
        from flamepy.engines.linked.inspection.records import encode

        self._pending = False
        if self._engine.closed:
            return
        self.reclaim()
        snapshot = self.snapshot()
        info = {
            "pid": snapshot.pid,
            "created": snapshot.created,
            "endpoint": snapshot.endpoint,
            "snapshot": encode(snapshot),
        }
        try:
            self._engine.place.write_info(info)
        except OSError:  # a full disk keeps others from knowing of us, and nobody from working
            return

    def reclaim(self) -> None:
        """Remove what killed engines of this user have left: shared memory, folders, sockets."""
        if self._reclaimed:
            return
        self._reclaimed = True
        from flamepy.engines.linked.inspection.ended import bury
        from flamepy.engines.linked.machine import shared_memory_root, temporary_root
        from flamepy.serialization.lodgings import sweep

        for place in places.dead_engines():
            import shutil  # five milliseconds that only litter is worth

            for root, end in ((shared_memory_root(), ""), (temporary_root(), ".work")):
                shutil.rmtree(f"{root}/flamepy-{os.geteuid()}-{place.id}{end}", ignore_errors=True)
            bury(place)
        sweep()

    def session_closed(self, session: LinkedSession) -> None:
        """Keep the record of a session that ends."""
        self._closed.append(self._session_record(session))
        self._numbers.pop(session.id, None)

    def ended(self) -> None:
        """The engine ends: last words, and nothing is left."""
        from flamepy.engines.linked.inspection.ended import record_end

        self._engine.keeper.ignore(self._server.fileno())
        self.reclaim()
        record_end(self.snapshot())
        self._server.close()

    def disown(self) -> None:
        """In a forked child: the control socket is the parent's."""
        self._server.disown()

    # ---- what flmctl asks

    def snapshot(self) -> Snapshot:
        """What the engine holds now."""
        from flamepy.model.application import flmrun
        from flamepy.model.snapshot import Snapshot

        engine = self._engine
        sessions = list(engine.sessions.values())
        return Snapshot(
            engine=engine.id,
            endpoint=engine.carrier.endpoint,
            pid=os.getpid(),
            live=not engine.closed,
            created=engine.created,
            applications=(flmrun(engine.created),),
            sessions=(*self._closed, *(self._session_record(s) for s in sessions)),
            tasks=tuple(task for s in sessions for task in self._tasks(s)),
            executors=self._executors(),
            nodes=engine.carrier.nodes(),
            packages=self._packages(),
        )

    def _session_record(self, session: LinkedSession) -> SessionRecord:
        from flamepy.model.snapshot import SessionRecord

        running = sum(len(link.pending) + len(link.promises) + len(link.streams) for link in list(session.links))
        spec = session.spec
        return SessionRecord(
            id=session.id,
            name=spec.name,
            state=session.state.value,
            application=spec.application,
            resources=_resources(spec.resources),
            priority=spec.defaults.priority,
            pending=len(session.queued),
            running=running,
            succeed=session.succeeded,
            failed=session.failed,
            cancelled=session.cancelled,
            created=session.created,
            ended=time() if session.closed else None,
            runner=spec.package.name,
            reason=session.why_waiting(),
            log_path=self._engine.output.path_of(session),
        )

    def _tasks(self, session: LinkedSession) -> list[TaskRecord]:
        """Its last failures, what runs, and what waits."""
        from flamepy.model.snapshot import TaskRecord

        rows = []
        first = session.failed - len(session.failures) + 1
        for place, (_, label, record) in enumerate(session.failures[-MAX_TASKS:], start=first):
            message = f"{record[0]}: {record[1]}" if record else ""
            rows.append(TaskRecord(id=f"f{place}", session=session.id, method=label, state="Failed", message=message))
        for link in list(session.links):
            for call in link.outstanding():
                number, label = self._number_of(session, call), session.label(call._method)
                executor = str(link.number)
                rows.append(TaskRecord(id=number, session=session.id, method=label, state="Running", executor=executor))
        for call in list(session.queued)[:MAX_TASKS]:
            number, label = self._number_of(session, call), session.label(call._method)
            rows.append(TaskRecord(id=number, session=session.id, method=label, state="Pending"))
        return rows

    def _number_of(self, session: LinkedSession, call: Completion) -> str:
        """The number by which people know a call; given when it is first listed, because most never are."""
        numbers, key = self._numbers.setdefault(session.id, {}), id(call)
        known = numbers.get(key)
        if known is None or known[1]() is not call:
            self._count += 1
            # The callback names the key alone: with the call in it, the call and its result would live for ever.
            known = numbers[key] = self._count, weakref.ref(call, lambda _: numbers.pop(key, None))
        return str(known[0])

    def _executors(self) -> Any:
        from flamepy.model.snapshot import ExecutorRecord

        fleet = self._engine.fleet
        return tuple(
            ExecutorRecord(
                id=str(number),
                state=fleet.state_word(number),
                session=process.link.session.id,
                node=process.link.channel.node,
                pid=process.link.pid,
                created=process.created,
            )
            for number, process in list(fleet.processes.items())
        )

    def _packages(self) -> Any:
        from flamepy.model.snapshot import PackageRecord

        return tuple(
            PackageRecord(
                name=package.name,
                url=package.url,
                size=os.path.getsize(package.archive) if package.archive and os.path.exists(package.archive) else 0,
                sha256=package.sha256,
                created=self._engine.created,
                runner=package.name,
            )
            for package in list(self._engine.packages.values())
        )

    def close_session(self, session: str) -> None:
        """Close a session from outside; done on a thread of its own, since it waits."""
        import threading

        found = self._engine.sessions.get(session)
        if found is None:
            raise EngineError(f"no open session '{session}' in engine {self._engine.id}")
        threading.Thread(target=found.abort, name="flamepy-close", daemon=True).start()

    def cancel_task(self, session: str, task: str) -> None:
        """Cancel a task by the number that `snapshot` gives it."""
        found = self._engine.sessions.get(session)
        if found is None:
            raise EngineError(f"no open session '{session}' in engine {self._engine.id}")
        for call in [c for link in list(found.links) for c in link.outstanding()] + list(found.queued):
            if self._number_of(found, call) == task and found.cancel(call):
                return
        raise EngineError(f"no task '{task}' of session '{session}' is pending or running")


def _resources(resources: Any) -> str:
    parts = []
    if resources.cpu:
        parts.append(f"cpu={resources.cpu:g}")
    if resources.memory:
        parts.append(f"mem={resources.memory / (1 << 30):g}Gi")
    if resources.gpu:
        parts.append(f"gpu={resources.gpu}")
    parts += [f"{name}={amount:g}" for name, amount in resources.custom.items()]
    return ",".join(parts) or "-"
