"""How many executors there are, and whose: carries out what `flamepy.server.shares` decides."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from flamepy.model.lifecycle import SessionState, TaskEvent, TaskState
from flamepy.server.host.executor import HostExecutor
from flamepy.server.records import Need
from flamepy.server.shares import Claim, demand, grants
from flamepy.wire.proto import types_pb2 as types

if TYPE_CHECKING:
    from flamepy.server.host.workplace import Workplace
    from flamepy.server.records import Executor, Session, Task

logger = logging.getLogger("flamepy.server")

PAUSE_SECONDS = 0.01
"""Decisions are made at most so often; what happens in between is seen together."""


class Fleet:
    """All executors.

    Args:
        workplace: What they share.
        capacity: What the machine has.
        most: How many there may be at once.

    Attributes:
        executors: Those that are there, by id; the lent ones of clients included.
    """

    def __init__(self, workplace: Workplace, capacity: Need, most: int) -> None:
        self.capacity = capacity
        self.executors: dict[str, Executor] = {}
        self._hosts: dict[str, HostExecutor] = {}
        self._lives: set[asyncio.Task[None]] = set()
        self._with = workplace
        self._book = workplace.book
        self._most = most
        self._planned: asyncio.Handle | None = None
        self._last = 0.0
        self._closed = False

    def start(self) -> None:
        """Look at what is there, and from now on whenever something changes."""
        self._book.wake = self.wake
        self.wake()

    def wake(self) -> None:
        """Decide anew, soon."""
        if self._planned is None and not self._closed:
            loop = asyncio.get_running_loop()
            wait = self._last + PAUSE_SECONDS - loop.time()
            self._planned = loop.call_later(wait, self._plan) if wait > 0 else loop.call_soon(self._plan)

    def cancel_task(self, task: Task) -> None:
        """Cancel a task that waits or runs; where it runs, its process is ended."""
        running = task.state is TaskState.RUNNING
        self._book.end_task(task, TaskEvent.CANCEL, message="it was cancelled")
        host = self._hosts.get(task.executor)
        if running and host is not None and host.record.task is task:
            host.cancel_task()
        self._book.rouse(task.session)

    def used(self) -> Need:
        """Return what the executors take of the machine."""
        total = Need()
        for each in self.executors.values():
            total = total.plus(each.need)
        return total

    def admit(self, record: Executor) -> None:
        """Count an executor."""
        self.executors[record.id] = record
        record.session.executors[record.id] = record
        self._book.rouse(record.session)

    def dismiss(self, record: Executor) -> None:
        """Count it no longer."""
        self.executors.pop(record.id, None)
        record.session.executors.pop(record.id, None)
        self._book.changes += 1
        self._book.rouse(record.session)

    async def close(self) -> None:
        """End all executors; what they run waits again, as after a crash."""
        self._closed = True
        if self._planned is not None:
            self._planned.cancel()
        for life in self._lives:
            life.cancel()
        if self._lives:
            await asyncio.wait(self._lives)

    def _plan(self) -> None:
        self._planned = None
        self._last = asyncio.get_running_loop().time()
        sessions = self._candidates()
        granted = grants((self._claim(each) for each in sessions), self.capacity, self._most)
        if self._grow(sessions, dict(granted)):
            self._shrink(sessions, dict(granted))

    def _candidates(self) -> list[Session]:
        active = self._book.active
        for session in tuple(active.values()):
            if not session.executors and not self._wanted(session):
                del active[session.id]
        return sorted(active.values(), key=lambda each: (-each.spec.priority, each.created))

    def _claim(self, session: Session) -> Claim:
        return Claim(session.id, session.spec.priority, session.created, self._wanted(session), session.need)

    def _wanted(self, session: Session) -> int:
        name = session.spec.application
        if session.state is not SessionState.OPEN or session.exhausted or name not in self._book.applications:
            return 0
        application = self._book.applications.get(name).spec
        if application.shim != types.Shim.Host:
            return 0
        spec = session.spec
        most = min(spec.max_instances if spec.HasField("max_instances") else self._most, application.max_instances)
        pending, running = session.counts[TaskState.PENDING], session.counts[TaskState.RUNNING]
        return demand(pending, running, spec.min_instances, most)

    def _grow(self, sessions: list[Session], granted: dict[str, int]) -> bool:
        """Start what was granted, as far as there is room; True if some of it must wait."""
        used = self.used()
        short = False
        for session in sessions:
            missing = granted.get(session.id, 0) - sum(not each.leaving for each in session.executors.values())
            while missing > 0 and len(self.executors) < self._most:
                after = used.plus(session.need)
                if not after.fits(self.capacity):
                    break
                used = after
                self._start(session)
                missing -= 1
            short = short or missing > 0
        return short

    def _shrink(self, sessions: list[Session], granted: dict[str, int]) -> None:
        """Let go of executors that do nothing while others are in want."""
        for session in sessions:
            staying = [each for each in session.executors.values() if not each.leaving and not each.lent]
            spare = len(staying) - granted.get(session.id, 0)
            resting = [each for each in staying if each.task is None and each.pid]
            for each in resting[: max(0, min(spare, len(session.idle)))]:
                each.stop()

    def _start(self, session: Session) -> None:
        host = HostExecutor(session, self._with)
        self.admit(host.record)
        self._hosts[host.record.id] = host
        life = asyncio.get_running_loop().create_task(self._live(host), name=f"executor {host.record.id}")
        self._lives.add(life)
        life.add_done_callback(self._lives.discard)

    async def _live(self, host: HostExecutor) -> None:
        try:
            await host.live()
        except asyncio.CancelledError:
            raise
        except Exception:
            logger.exception("executor %s ended in an unexpected way: this is a bug of flamepy", host.record.id)
        finally:
            self._hosts.pop(host.record.id, None)
            self.dismiss(host.record)
