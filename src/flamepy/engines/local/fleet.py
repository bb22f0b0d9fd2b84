"""The executors of an engine: carries out what the scheduling core decides, and tells it what became of them.

::

    StartExecutor ─► socket pairs ─► template forks ─► "started" ─► BIND ─► READY
    ReleaseExecutor ─► our ends closed ─► it ends by itself, or is killed after a grace ─► "ended"
    end of its socket, or "ended" unasked ─► deaths.settle
"""

from __future__ import annotations

import _socket
import _thread
import os
from time import monotonic

from flamepy.engines.local.binding import binding_of
from flamepy.engines.local.deadlines import GRACE
from flamepy.engines.local.deaths import Deaths
from flamepy.engines.local.launcher import Launcher
from flamepy.engines.local.links import Link
from flamepy.engines.local.news import News
from flamepy.engines.local.processes import STATUS_WAIT, Process, Slots, end_orphan, kill_group
from flamepy.errors import EngineClosed, EngineError, EngineUnavailable, ServiceFailed
from flamepy.model.lifecycle import ExecutorState
from flamepy.scheduling.events import (
    Event,
    ExecutorEnded,
    ExecutorReady,
    ExecutorStarted,
    Hold,
    ReleaseExecutor,
    StartExecutor,
    StartFailed,
)
from flamepy.serialization import failures
from flamepy.wire.frames import Ask

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flamepy.engines.local.engine import LocalEngine
    from flamepy.engines.local.session import LocalSession

SOCKET_BYTES = 1 << 20
"""Send buffer of the sockets; the system may allow less."""


class Fleet:
    """All executors of one engine.

    Attributes:
        processes: Executors that exist, by number, those that were told to end too.
    """

    def __init__(self, engine: LocalEngine) -> None:
        self.engine = engine
        self.reader = engine.reader
        self.guard = engine.guard
        self.news = News(engine)
        self.deaths = Deaths(engine)
        self.processes: dict[int, Process] = {}
        self._launcher: Launcher | None = None
        self._litter: list[str] = []
        self._lock = _thread.RLock()
        self._closed = False
        self._slots = Slots(f"{engine.objects.folder}/progress")

    @property
    def links(self) -> dict[int, Link]:
        """The executors that may be given work, by number."""
        return {number: each.link for number, each in list(self.processes.items()) if not each.link.ended}

    def new_lock(self) -> Any:
        """A lock for one link."""
        return _thread.allocate_lock()

    # ---- the template

    def start_template(self) -> Launcher:
        """Start the template process, so that it is warm when the first executor is wanted."""
        launcher = Launcher([*self.engine.litter, *self._litter], self.engine.python)
        self._launcher = launcher
        self.engine.keeper.watch(launcher.fileno(), lambda: self._hear(launcher))
        return launcher

    def add_litter(self, path: str) -> None:
        """Have a file removed should this process be killed."""
        self._litter.append(path)
        if self._launcher is not None:
            self._launcher.add_litter(path)

    def _hear(self, launcher: Launcher) -> None:
        reports = launcher.reports()
        if reports is None:
            self._lose_template(launcher)
            return
        for number, pid, status in reports:
            with self._lock:  # whoever ordered it has noted it by then
                process = self.processes.get(number)
            if process is None:
                continue
            if status is None:
                process.link.pid = pid
                self.happened(ExecutorStarted(number))
            else:
                process.status = status
                self._ended(process)

    def _lose_template(self, launcher: Launcher) -> None:
        """It was killed. Its executors go on; nobody tells when they end, so those told to are seen off by us."""
        self.engine.keeper.ignore(launcher.fileno())
        launcher.reap()
        with self._lock:
            if self._launcher is launcher:
                self._launcher = None
        for process in list(self.processes.values()):
            if process.launcher is launcher and process.link.releasing:
                self.engine.keeper.after(GRACE, lambda gone=process: self._see_off(gone))  # type: ignore[misc]

    # ---- decisions and their execution

    def happened(self, event: Event) -> EngineError | None:
        """Tell the core, and do what it says; returns why an executor could not be started, if one could not.

        Raises:
            ResourcesUnavailable: The event asks for what can never be had.
        """
        problem = None
        with self._lock:
            for command in self.engine.cluster.handle(event):
                if isinstance(command, StartExecutor):
                    problem = self._start(command) or problem
                elif isinstance(command, ReleaseExecutor):
                    self._release(command.executor)
                elif isinstance(command, Hold):
                    session = self.engine.sessions.get(command.session)
                    if session is not None:
                        session.reason = command.reason
        return problem

    def _start(self, command: StartExecutor) -> EngineError | None:
        session = self.engine.sessions[command.session]
        try:
            process = self._spawn(command.executor, session)
        except (OSError, EngineError) as error:
            self.engine.cluster.handle(StartFailed(command.executor))
            text = f"no executor could be started: {getattr(error, 'strerror', None) or error}"
            session.reason = text
            return error if isinstance(error, EngineClosed) else EngineUnavailable(text)
        session.reason = ""
        link = process.link
        self.engine.keeper.watch(process.output, lambda: process.overhear(self.engine))
        self.engine.objects.join(link)
        link.note(Ask.BIND, binding_of(self.engine, session, link.number, self._slots.path))
        self.reader.add(link)
        session.joined(link)
        return None

    def _spawn(self, number: int, session: LocalSession) -> Process:
        """Have a process forked that is connected to us.

        Raises:
            OSError: There are no descriptors left.
            EngineError: There is no template, or no room for one more.
        """
        if self._closed:
            raise EngineClosed("the engine has ended")
        slot = self._slots.take()
        ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM)
        bell, their_bell = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM)
        output, their_output = os.pipe()
        try:
            launcher = self._order(number, slot, [theirs.fileno(), their_bell.fileno(), their_output])
        except BaseException:
            os.close(output)
            self._slots.give_back(slot)
            raise
        finally:
            theirs.close()
            their_bell.close()
            os.close(their_output)
        ours.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDBUF, SOCKET_BYTES)
        ours.setblocking(False)
        bell.setblocking(False)
        os.set_blocking(output, False)
        link = Link(number, slot, session, self, ours, bell)
        process = self.processes[number] = Process(link, launcher, output)
        return process

    def _order(self, number: int, slot: int, descriptors: list[int]) -> Launcher:
        """Have the template fork; a new one if the old one was killed a moment ago."""
        if self._launcher is not None:
            try:
                self._launcher.fork(number, slot, descriptors)
            except EngineUnavailable:
                self._launcher = None  # `_hear` will learn it too
            else:
                return self._launcher
        launcher = self.start_template()
        launcher.fork(number, slot, descriptors)
        return launcher

    def _release(self, number: int) -> None:
        """Let an executor end: it does when its socket ends, or is killed if its task does not listen."""
        process = self.processes.get(number)
        if process is None or process.link.releasing:
            return
        link = process.link
        link.releasing = True
        link.session.left(link)
        if link.ended:  # it is dead already, and about to be buried
            return
        if link.pending:
            link.ring(b"C", link.answered + 1)
        link.close()
        if process.status is not None:
            self._see_off(process)
        else:
            self.engine.keeper.after(GRACE, lambda: self._see_off(process))

    # ---- what executors and the template say

    def ready(self, link: Link) -> None:
        """The object exists."""
        link.ready = True
        link.ready_since = monotonic()
        self.deaths.started(link.session)
        self.happened(ExecutorReady(link.number))
        link.session.pump()

    def broken(self, link: Link, record: Any) -> None:
        """The object could not be created: nothing of this service can run."""
        error = ServiceFailed(
            f"service '{link.session.spec.name}' could not start in its executor: {record[0]}: {record[1]}",
            service=link.session.spec.name,
        )
        error.__cause__ = failures.rebuild(record)
        self.deaths.fail_service(link.session, error)

    def handed_back(self, link: Link, sequence: int) -> None:
        """The executor does not run the calls behind ``sequence``; others may."""
        with link.session.pumping:  # nothing may be sent to it between the count and the mark
            kept = sequence - link.answered
            entries = [link.pending.pop() for _ in range(len(link.pending) - kept)]
            link.handed_back = len(entries)
        link.session.requeue(entries[::-1])
        link.session.cost = 0.0
        if not link.pending:
            self.returned(link)
        link.session.pump()

    def returned(self, link: Link) -> None:
        """The calls handed back have been taken; from here on it may be sent more."""
        assert link.handed_back is not None
        link.answered += link.handed_back
        link.handed_back = None
        link.note(Ask.RETURNED, None)

    # ---- the end of a process

    def kill(self, link: Link) -> None:
        """End an executor's process, and what it has started, for good."""
        process = self.processes.get(link.number)
        if process is not None and process.status is None and link.pid:
            kill_group(link.pid)

    def hung_up(self, link: Link) -> None:
        """The socket has ended; the reason comes from the template in a moment."""
        process = self.processes.get(link.number)
        if process is None or link.ended:
            return
        link.close()
        wait = STATUS_WAIT if process.status is None and process.launcher is self._launcher else 0
        self.engine.keeper.after(wait, lambda: self._bury(process))

    def _ended(self, process: Process) -> None:
        """The template has reaped it."""
        link = process.link
        if link.releasing:
            self._see_off(process)
        elif link.ended:
            self._bury(process)
        else:
            # Its last words may be unread; and should a process that it left behind hold the socket, it never ends.
            self.reader.serve()
            self.engine.keeper.after(STATUS_WAIT, lambda: self._cut_off(link))

    def _cut_off(self, link: Link) -> None:
        if not link.ended:
            link.cut_off()
            self.reader.serve()

    def _bury(self, process: Process) -> None:
        """An executor has ended without being asked to: settle its calls, and replace it."""
        link, session = process.link, process.link.session
        with self._lock:
            if self.processes.pop(link.number, None) is None:
                return
        self._forget(process)
        running = self._slots.running(link.slot)
        self._slots.give_back(link.slot)
        with session.pumping:  # whoever hands out calls at this moment finishes first
            session.left(link)
        self.deaths.settle(link, process.status, running)
        link.held.clear()
        link.calls.clear()
        # Only now, when all that it said has been heard: a successor begins with the state that was saved last.
        self.happened(ExecutorEnded(link.number))
        session.restock()

    def _see_off(self, process: Process) -> None:
        """The last of an executor that was told to end; killed if it has not."""
        if process.status is None:
            if process.link.pid:
                kill_group(process.link.pid)
            if process.launcher is self._launcher:  # which will report its end
                return
        with self._lock:
            if self.processes.pop(process.link.number, None) is None:
                return
        self._forget(process)
        self._slots.give_back(process.link.slot)
        self.happened(ExecutorEnded(process.link.number))

    def _forget(self, process: Process) -> None:
        """Its last output, and what it had in shared memory."""
        while process.overhear(self.engine):
            pass
        process.close_output(self.engine)
        self.engine.objects.leave(process.link)

    # ---- the end

    def end_all(self) -> None:
        """Tell all executors to end; `close` waits until they have."""
        with self._lock:
            self._closed = True
            for process in self.processes.values():
                process.link.close()
            if self._launcher is not None:
                self.engine.keeper.ignore(self._launcher.fileno())
                self._launcher.say_goodbye()

    def close(self) -> None:
        """Return when the processes of all executors are gone; after `end_all`."""
        with self._lock:
            processes = list(self.processes.values())
            launcher, self._launcher = self._launcher, None
        try:
            for number, pid, status in launcher.close() if launcher is not None else ():
                if number in self.processes:
                    self.processes[number].link.pid, self.processes[number].status = pid, status
            for process in processes:
                if process.status is None and process.link.pid:
                    end_orphan(process.link.pid)
        finally:
            for process in processes:
                while process.overhear(self.engine):
                    pass
                process.close_output(self.engine)
            self.processes.clear()
            self._slots.close()

    def disown(self) -> None:
        """In a forked child: it has no business with the template."""
        if self._launcher is not None:
            self._launcher.disown()

    def running(self, link: Link) -> int:
        """The number of the call that an executor runs at this moment; 0 between two, and for a stream's next item."""
        return self._slots.running(link.slot)

    def state_word(self, number: int) -> str:
        """The state of an executor, for people."""
        state = self.engine.cluster.state_of(number)
        word: str = (ExecutorState.VOID if state is ExecutorState.RELEASED else state).value
        return word
