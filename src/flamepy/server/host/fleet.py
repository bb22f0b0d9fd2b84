"""How many executors there are, and whose: carries out what `flamepy.server.shares` decides."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from flamepy.model.lifecycle import SessionState, TaskEvent, TaskState
from flamepy.server.host.executor import HostExecutor
from flamepy.server.records import NOTHING, Need
from flamepy.server.refusals import Refused, Why
from flamepy.server.shares import Claim, demand, grants
from flamepy.wire.leases import lease_of
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
        executors: Those that are there, by id; those lent to clients included.
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

    def close_session(self, session: Session) -> None:
        """Close a session whatever it does: running tasks are stopped, pending ones cancelled.

        Raises:
            Refused: It cannot be closed.
        """
        for task in tuple(session.tasks.values()):
            if task.state is TaskState.RUNNING:
                self.cancel_task(task)
        self._book.close_session(session.id)

    def everyone(self) -> list[Executor]:
        """Return all executors, those that wait for room to be lent to a client included."""
        waiting = [each for session in self._book.active.values() for each in session.borrowers]
        return [*self.executors.values(), *waiting]

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

    async def lend(self, record: Executor, *, sized: bool) -> None:
        """Count an executor that a client runs by itself, as soon as it is its turn.

        Services that call each other must not wait for each other's room. So the first executor of a service that does
        not say what it needs is there at once, and takes nothing of what others share.

        Args:
            record: The executor.
            sized: Whether its service says what it needs.

        Raises:
            Refused: It needs more than this machine has.
        """
        session = record.session
        if sized and not session.need.fits(self.capacity):
            raise Refused(Why.INVALID, f"an executor of {session.id} needs more than this machine has: {session.need}")
        if (
            not sized
            and len(self.executors) < self._most
            and not any(each.spare for each in session.executors.values())
        ):
            record.need = NOTHING
            self.admit(record)
            return
        record.admitted = asyncio.get_running_loop().create_future()
        session.borrowers.append(record)
        self._book.rouse(session)
        try:
            await record.admitted
        finally:
            if record in session.borrowers:
                session.borrowers.remove(record)
                self._book.changes += 1

    def why_waiting(self, session: Session) -> str:
        """Say why executors of a session are not there yet."""
        if len(self.executors) >= self._most:
            return f"the server has {self._most} executors, and may have no more"
        used, need = self.used(), session.need
        short = [
            f"{what}={amount} of {whole} is free, and an executor takes {wanted}"
            for what, wanted, amount, whole in (
                ("cpu", need.cpu, self.capacity.cpu - used.cpu, self.capacity.cpu),
                ("mem", _gi(need.memory), _gi(self.capacity.memory - used.memory), _gi(self.capacity.memory)),
                ("gpu", need.gpu, self.capacity.gpu - used.gpu, self.capacity.gpu),
            )
            if wanted > amount
        ]
        return "; ".join(short) or "others come first"

    def dismiss(self, record: Executor) -> None:
        """Count it no longer, and let it wait no longer."""
        if record.admitted is not None:
            record.admitted.cancel()
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
        own = demand(pending, running, spec.min_instances, most)
        lent = sum(each.lent and not each.spare for each in session.executors.values())
        return min(most, own + lent + len(session.borrowers))

    def _grow(self, sessions: list[Session], granted: dict[str, int]) -> bool:
        """Start what was granted, as far as there is room; True if some of it must wait."""
        used = self.used()
        short = False
        for session in sessions:
            staying = sum(not each.leaving and not each.spare for each in session.executors.values())
            missing = granted.get(session.id, 0) - staying
            while missing > 0 and len(self.executors) < self._most:
                after = used.plus(session.need)
                if not after.fits(self.capacity):
                    break
                used = after
                if not self._hand_out(session):
                    self._start(session)
                missing -= 1
            short = short or missing > 0
        return short

    def _shrink(self, sessions: list[Session], granted: dict[str, int]) -> None:
        """Let go of executors that do nothing while others are in want; a client of ours lets go of its own itself."""
        for session in sessions:
            if self._is_conversation(session):
                continue
            staying = [each for each in session.executors.values() if not each.leaving and not each.lent]
            spare = len(staying) - granted.get(session.id, 0)
            resting = [each for each in staying if each.task is None and each.pid]
            unneeded = len(session.idle) - session.counts[TaskState.PENDING]  # which are about to be on file
            for each in resting[: max(0, min(spare, unneeded))]:
                each.stop()

    def _is_conversation(self, session: Session) -> bool:
        """Whether the process of a session keeps what its client's next task needs, as with our own clients."""
        name = session.spec.application
        applications = self._book.applications
        return name in applications and lease_of(applications.get(name).spec.labels) is not None

    def _hand_out(self, session: Session) -> bool:
        """Admit an executor that a client waits for; whether there was one."""
        while session.borrowers:
            record = session.borrowers.popleft()
            assert record.admitted is not None
            if not record.admitted.done():
                self.admit(record)
                record.admitted.set_result(None)
                return True
        return False

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


def _gi(size: int) -> float:
    return round(size / (1 << 30), 2)
