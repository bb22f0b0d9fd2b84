"""The executors of an engine: carries out what the scheduling core decides, and tells it what became of them.

::

    StartExecutor ─► Carrier.launch ─► BIND ─► "started" ─► READY
    ReleaseExecutor ─► our ends closed ─► it ends by itself, or is killed after a grace ─► "ended"
    end of its socket, or "ended" unasked ─► deaths.settle
"""

from __future__ import annotations

import _thread
from time import monotonic

from flamepy.engines.linked.binding import binding_of
from flamepy.engines.linked.deadlines import GRACE
from flamepy.engines.linked.deaths import Deaths
from flamepy.engines.linked.distant import DistantLink
from flamepy.engines.linked.links import Link
from flamepy.engines.linked.news import News
from flamepy.engines.linked.process import UNKNOWN_END, End, Process
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

    from flamepy.engines.linked.engine import LinkedEngine

LAST_WORDS = 1.0
"""Seconds for the end of a dead executor's socket; a process that it left behind may hold it open."""


class Fleet:
    """All executors of one engine.

    Attributes:
        processes: Executors that exist, by number, those that were told to end too.
    """

    def __init__(self, engine: LinkedEngine) -> None:
        self.engine = engine
        self.reader = engine.reader
        self.guard = engine.guard
        self.news = News(engine)
        self.deaths = Deaths(engine)
        self.processes: dict[int, Process] = {}
        self._carrier = engine.carrier
        self._lock = _thread.RLock()
        self._closed = False

    @property
    def links(self) -> dict[int, Link]:
        """The executors that may be given work, by number."""
        return {number: each.link for number, each in list(self.processes.items()) if not each.link.ended}

    def new_lock(self) -> Any:
        """A lock for one link."""
        return _thread.allocate_lock()

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
            if self._closed:
                raise EngineClosed("the engine has ended")
            channel = self._carrier.launch(command.executor, session.spec)
        except (OSError, EngineError) as error:
            self.engine.cluster.handle(StartFailed(command.executor))
            text = f"no executor could be started: {getattr(error, 'strerror', None) or error}"
            session.reason = text
            return error if isinstance(error, EngineClosed) else EngineUnavailable(text)
        session.reason = ""
        link = (DistantLink if self.engine.latency else Link)(command.executor, session, self, channel)
        process = self.processes[command.executor] = Process(link)
        self._listen(process)
        self.engine.objects.join(link)
        link.bind(binding_of(session) | self._carrier.binding(link.number, session.spec))
        session.joined(link)
        return None

    def _listen(self, process: Process) -> None:
        if process.output >= 0 and process.link.is_open:
            self.engine.keeper.watch(process.output, lambda: process.overhear(self.engine))

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
            link.channel.ring(b"C", link.answered + 1)
        link.close()
        if process.end is not None:
            self._see_off(process)
        else:
            self.engine.keeper.after(GRACE, lambda: self._see_off(process))

    # ---- what the carrier says

    def started(self, number: int, pid: int) -> None:
        """An executor exists."""
        process = self._process(number)
        if process is None:
            return
        process.link.pid = pid
        process.link.session.reason = ""
        if not process.link.is_open and not process.link.ended:
            process.link.opened()
            self._listen(process)
        self.happened(ExecutorStarted(number))

    def waiting(self, number: int, why: str) -> None:
        """An executor cannot exist yet."""
        process = self._process(number)
        if process is not None:
            process.link.session.reason = f"executor {number} {why}"

    def ended(self, number: int, end: End) -> None:
        """An executor is gone."""
        process = self._process(number)
        if process is None:
            return
        process.end = end
        if not self._closed:
            self._ended(process)

    def orphaned(self, number: int) -> None:
        """Nobody will tell when it ends; if it was told to, it is seen off by us."""
        process = self._process(number)
        if process is not None and process.link.releasing:
            self.engine.keeper.after(GRACE, lambda: self._see_off(process))

    def _process(self, number: int) -> Process | None:
        with self._lock:  # whoever ordered it has noted it by then
            return self.processes.get(number)

    # ---- what executors say

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
        link.note(Ask.RETURNED, None)
        link.handed_back = None  # last: a call that another thread sent before the note would be dropped there

    # ---- the end of a process

    def kill(self, link: Link) -> None:
        """End an executor's process, and what it has started, for good."""
        process = self.processes.get(link.number)
        if process is not None and process.end is None:
            link.channel.kill()

    def hung_up(self, link: Link) -> None:
        """The socket has ended; the reason comes from the carrier in a moment."""
        process = self.processes.get(link.number)
        if process is None or link.ended:
            return
        link.close()
        wait = link.channel.patience if process.end is None else 0
        self.engine.keeper.after(wait, lambda: self._bury(process))

    def _ended(self, process: Process) -> None:
        link = process.link
        if link.releasing:
            self._see_off(process)
        elif link.ended or not link.is_open:
            link.close()
            self._bury(process)
        else:
            # Its last words may be unread; and should a process that it left behind hold the socket, it never ends.
            self.reader.serve()
            self.engine.keeper.after(LAST_WORDS, lambda: self._cut_off(link))

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
        end = process.end or UNKNOWN_END
        if end.words:
            self.engine.output.raw(link, f"{end.words.strip()}\n".encode())
        if end.running is None:
            end = end._replace(running=link.channel.running())
        link.channel.bury()
        with session.pumping:  # whoever hands out calls at this moment finishes first
            session.left(link)
        self.deaths.settle(link, end)
        link.held.clear()
        link.calls.clear()
        # Only now, when all that it said has been heard: a successor begins with the state that was saved last.
        self.happened(ExecutorEnded(link.number))
        session.restock()

    def _see_off(self, process: Process) -> None:
        """The last of an executor that was told to end; killed if it has not."""
        channel = process.link.channel
        if process.end is None:
            channel.kill()
            if channel.patience:  # its end will be reported
                return
        with self._lock:
            if self.processes.pop(process.link.number, None) is None:
                return
        self._forget(process)
        channel.bury()
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
            self._carrier.say_goodbye()

    def close(self) -> None:
        """Return when the processes of all executors are gone; after `end_all`."""
        with self._lock:
            processes = list(self.processes.values())
        try:
            self._carrier.close()
        finally:
            for process in processes:
                while process.overhear(self.engine):
                    pass
                process.close_output(self.engine)
            self.processes.clear()

    def state_word(self, number: int) -> str:
        """The state of an executor, for people."""
        state = self.engine.cluster.state_of(number)
        word: str = (ExecutorState.VOID if state is ExecutorState.RELEASED else state).value
        return word
