"""A server for the page to show: records in memory that a test changes as it likes."""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from flamepy.dashboard.app import create_app
from flamepy.dashboard.serving import WebServer
from flamepy.errors import EngineError
from flamepy.model.application import flmrun
from flamepy.model.snapshot import (
    ApplicationRecord,
    EventRecord,
    ExecutorRecord,
    LogPart,
    NodeRecord,
    SessionRecord,
    Snapshot,
    TaskPage,
    TaskRecord,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

WAITING, RUNNING = "Pending", "Running"

TRACE = """\
Traceback (most recent call last):
  File "/home/ada/digits/search.py", line 41, in fit
    raise ValueError(f"no such kernel: {name!r}")
ValueError: no such kernel: 'gaussian'
"""

_COUNTS = {
    "Pending": "pending",
    "Running": "running",
    "Succeed": "succeed",
    "Failed": "failed",
    "Cancelled": "cancelled",
}


class FakeServer:
    """Implements `flamepy.dashboard.source.Source` over dictionaries."""

    def __init__(self) -> None:
        self.created = time.time() - 4000
        self.applications: dict[str, ApplicationRecord] = {"flmrun": flmrun(self.created)}
        self.sessions: dict[str, SessionRecord] = {}
        self.by_session: dict[str, dict[str, TaskRecord]] = {}
        self.executors: dict[str, ExecutorRecord] = {}
        self.logs: dict[str, str] = {}
        self.happened: dict[tuple[str, str | None], list[EventRecord]] = {}
        self.commands: list[tuple[str, ...]] = []
        self.snapshots = 0
        self.nodes = (
            NodeRecord(
                name="workstation", hostname="workstation", cpu=8, memory=32 << 30, gpu=1, arch="x86_64", os="linux"
            ),
        )

    def add_session(self, session: str, **fields: Any) -> None:
        """Open a session."""
        values = {"name": session, "state": "Open", "application": "flmrun", "resources": "cpu=1,mem=1Gi"}
        self.sessions[session] = SessionRecord(**{"id": session, "created": time.time(), **values, **fields})
        self.by_session[session] = {}
        self.logs[session] = ""

    def put_task(self, session: str, task: str, state: str, **fields: Any) -> None:
        """Add a task, or change it."""
        known = self.by_session[session].get(task)
        old = known._asdict() if known else {"method": "fit", "created": time.time()}
        self.by_session[session][task] = TaskRecord(**{**old, "id": task, "session": session, "state": state, **fields})
        counts = dict.fromkeys(_COUNTS.values(), 0)
        for each in self.by_session[session].values():
            counts[_COUNTS[each.state]] += 1
        self.sessions[session] = self.sessions[session]._replace(**counts)

    async def snapshot(self) -> Snapshot:
        self.snapshots += 1
        return Snapshot(
            engine="flame", endpoint="http://127.0.0.1:8080", pid=1, live=True, created=self.created,
            applications=tuple(self.applications.values()), sessions=tuple(self.sessions.values()),
            executors=tuple(self.executors.values()), nodes=self.nodes,
        )  # fmt: skip

    async def tasks(self, session: str, *, states: Collection[str] = (), offset: int = 0, limit: int = 100) -> TaskPage:
        found = [each for each in reversed(self._tasks(session).values()) if not states or each.state in states]
        return TaskPage(len(found), found[offset : offset + limit])

    async def task(self, session: str, task: str) -> TaskRecord:
        if task not in self._tasks(session):
            raise EngineError(f"there is no task {task!r} of session {session!r}")
        return self._tasks(session)[task]

    async def events(self, session: str, task: str | None = None) -> list[EventRecord]:
        return self.happened.get((session, task), [])

    async def log(self, session: str, task: str | None = None, *, start: int = 0) -> LogPart:
        self._tasks(session)
        text = self.logs[session].encode()
        begin = max(0, len(text) + start) if start < 0 else start
        return LogPart(text[begin:].decode().splitlines(), len(text))

    async def close_session(self, session: str) -> None:
        self._tasks(session)
        if self.sessions[session].state == "Closed":
            raise EngineError(f"session {session!r} is closed already")
        self.commands.append(("close", session))
        for task in self._tasks(session).values():
            if task.state in (WAITING, RUNNING):
                self.put_task(session, task.id, "Cancelled", ended=time.time())
        self.sessions[session] = self.sessions[session]._replace(state="Closed", ended=time.time())

    async def cancel_task(self, session: str, task: str) -> None:
        if (await self.task(session, task)).state not in (WAITING, RUNNING):
            raise EngineError(f"task {task!r} is done already")
        self.commands.append(("cancel", session, task))
        self.put_task(session, task, "Cancelled", ended=time.time())

    def _tasks(self, session: str) -> dict[str, TaskRecord]:
        if session not in self.by_session:
            raise EngineError(f"there is no session {session!r}")
        return self.by_session[session]


def busy() -> FakeServer:
    """A server in the midst of its work, for eyes."""
    server = FakeServer()
    now = time.time()
    server.applications["flmping"] = ApplicationRecord(
        name="flmping", created=server.created, command="flmping-service", description="Answers pings."
    )
    _searching(server, now)
    _counting(server, now)
    _waiting(server, now)
    _pinged(server, now)
    return server


def _searching(server: FakeServer, now: float) -> None:
    session = "flmrun-k3v9xq"
    server.add_session(session, name="search", runner="digits", created=now - 95)
    for number in range(1, 181):
        lane = number % 4
        begin = now - 94 + (number // 4) * 2 + lane * 0.4
        facts = {"executor": f"exec-{lane + 1}", "created": now - 94 + number * 0.3, "started": begin}
        if number in (23, 87, 121):
            server.put_task(session, str(number), "Failed", ended=begin + 0.6, message=TRACE, **facts)
        elif begin + 1.8 < now - 4:
            server.put_task(session, str(number), "Succeed", ended=begin + 1.1 + (number * 7 % 10) / 14, **facts)
        else:
            server.put_task(session, str(number), "Running", **facts)
    for number in range(1, 5):
        server.executors[f"exec-{number}"] = _executor(number, session, now)
    server.logs[session] = "".join(
        f"2026-01-05T10:{n // 60:02d}:{n % 60:02d}.120Z {4701 + n % 4} stdout fold {n}: accuracy 0.9{n:02d}\n"
        for n in range(90)
    )
    late = "failed to bind session: installing numpy took too long"
    server.happened[session, None] = [EventRecord(1001, late, now - 90)]
    server.happened[session, "23"] = [
        EventRecord(0, "The task was created.", now - 87),
        EventRecord(1, "The task is running.", now - 80),
        EventRecord(3, TRACE.splitlines()[-1], now - 79),
    ]


def _counting(server: FakeServer, now: float) -> None:
    session = "flmrun-p8d2mw"
    server.add_session(session, name="Counter", runner="digits", created=now - 340)
    for number in range(1, 9):
        begin = now - 330 + number
        times = {"created": now - 330, "started": begin, "ended": begin + 0.4}
        server.put_task(session, str(number), "Succeed", method="add", executor="exec-5", **times)
    server.executors["exec-5"] = _executor(5, session, now)


def _waiting(server: FakeServer, now: float) -> None:
    reason = "no executor fits gpu=2, largest free is gpu=1"
    needs = {"resources": "cpu=2,mem=8Gi,gpu=2", "reason": reason, "created": now - 60}
    server.add_session("train-a1b2c3", name="train", runner="vision", **needs)
    for number in range(1, 4):
        server.put_task("train-a1b2c3", str(number), "Pending", method="epoch")
    server.executors["exec-6"] = _executor(6, "train-a1b2c3", now)._replace(state="Binding", pid=0, created=now - 3)


def _pinged(server: FakeServer, now: float) -> None:
    session = "flmping-zz90qa"
    server.add_session(session, application="flmping", created=now - 900)
    for number in range(1, 11):
        times = {"created": now - 899, "started": now - 898, "ended": now - 897}
        server.put_task(session, str(number), "Succeed", method="", executor="exec-9", **times)
    server.sessions[session] = server.sessions[session]._replace(state="Closed", ended=now - 890)


def _executor(number: int, session: str, now: float) -> ExecutorRecord:
    place = {"node": "workstation", "pid": 4700 + number, "created": now - 94}
    return ExecutorRecord(id=f"exec-{number}", state="Bound", session=session, **place)


@contextmanager
def served(server: FakeServer, **options: Any) -> Iterator[str]:
    """The page on a real port, on an event loop of its own; yields its URL."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def run(coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(20)

    async def make() -> WebServer:
        return WebServer(create_app(server, **options), host="127.0.0.1", port=0)

    web = run(make())
    try:
        run(web.start())
        yield web.url
    finally:
        run(web.stop())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
