"""The executors of an engine: carries out what the scheduling core decides, and tells it what became of them."""

from __future__ import annotations

import _socket
import _thread
import mmap
import os
import signal
import sys
from time import time

from flamepy.completion import failure_of
from flamepy.engines.local.calls import Extra
from flamepy.engines.local.launcher import Launcher
from flamepy.engines.local.links import Link
from flamepy.engines.local.news import News
from flamepy.errors import EngineClosed, ExecutorDied, ServiceFailed, StateLost
from flamepy.model.lifecycle import ExecutorState
from flamepy.scheduling.events import (
    Event,
    ExecutorEnded,
    ExecutorReady,
    ExecutorStarted,
    Hold,
    ReleaseExecutor,
    StartExecutor,
)
from flamepy.serialization import failures
from flamepy.wire.frames import Ask

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flamepy.completion import Completion
    from flamepy.engines.local.engine import LocalEngine
    from flamepy.engines.local.session import LocalSession

SLOTS = 4096
"""Executors that an engine can have at one time."""

SOCKET_BYTES = 1 << 20
"""Send buffer of the sockets; the system may allow less."""

STATUS_WAIT = 1.0
"""Seconds in which the reason for an executor's end follows the end of its socket."""

MAX_FALSE_STARTS = 3
"""Executors of a service that may die before they are ready, in a row."""


class Fleet:
    """All executors of one engine."""

    def __init__(self, engine: LocalEngine) -> None:
        self.engine = engine
        self.reader = engine.reader
        self.guard = engine.guard
        self.news = News(engine)
        self.links: dict[int, Link] = {}
        self.created: dict[int, float] = {}
        self._launcher: Launcher | None = None
        self._free_slots = list(range(SLOTS - 1, -1, -1))
        self._outputs: dict[int, int] = {}
        self._statuses: dict[int, int | None] = {}
        self._false_starts: dict[str, int] = {}
        self._lock = _thread.RLock()
        self._progress_path = f"{engine.objects.folder}/progress"
        self._progress = self._map_progress()

    def new_lock(self) -> Any:
        """A lock for one link."""
        return _thread.allocate_lock()

    def _map_progress(self) -> memoryview:
        file = os.open(self._progress_path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.ftruncate(file, SLOTS * 8)
            return memoryview(mmap.mmap(file, SLOTS * 8)).cast("Q")
        finally:
            os.close(file)

    # ---- decisions and their execution

    def start_template(self) -> None:
        """Start the template process, so that it is warm when the first executor is wanted."""
        launcher = Launcher(self.engine.litter, self.engine.python)
        self._launcher = launcher
        self.engine.keeper.watch(launcher.fileno(), lambda: self._hear(launcher))

    def add_litter(self, path: str) -> None:
        """Have a file removed should this process be killed."""
        if self._launcher is not None:
            self._launcher.add_litter(path)

    def happened(self, event: Event) -> None:
        """Tell the core, and do what it says."""
        with self._lock:
            for command in self.engine.cluster.handle(event):
                if isinstance(command, StartExecutor):
                    self._start(command)
                elif isinstance(command, ReleaseExecutor):
                    self._release(command.executor)
                elif isinstance(command, Hold):
                    self.engine.sessions[command.session].reason = command.reason

    def _start(self, command: StartExecutor) -> None:
        session = self.engine.sessions[command.session]
        session.reason = ""
        ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM)
        bell, their_bell = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM)
        output, their_output = os.pipe()
        for sock in (ours, theirs):
            sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDBUF, SOCKET_BYTES)
        ours.setblocking(False)
        bell.setblocking(False)
        os.set_blocking(output, False)
        slot = self._free_slots.pop()
        self._progress[slot] = 0
        link = Link(command.executor, slot, session, self, ours, bell)
        try:
            if self._launcher is None:
                self.start_template()
            assert self._launcher is not None
            self._launcher.fork(command.executor, slot, [theirs.fileno(), their_bell.fileno(), their_output])
        finally:
            theirs.close()
            their_bell.close()
            os.close(their_output)
        self.links[command.executor] = link
        self.created[command.executor] = time()
        self._outputs[command.executor] = output
        self.engine.keeper.watch(output, lambda: self._overhear(link, output))
        self.engine.objects.join(link)
        link.note(Ask.BIND, self._binding(session, link))
        self.reader.add(link)
        session.joined(link)

    def _binding(self, session: LocalSession, link: Link) -> dict[str, Any]:
        spec, objects, workplace = session.spec, self.engine.objects, self.engine.workplace(session.spec.package)
        return {
            "path": workplace.path,
            "cwd": workplace.cwd,
            "argv": list(sys.argv),
            "prefix": (sys.prefix, sys.exec_prefix),
            "site": workplace.needs_site,
            "main": os.path.join(workplace.folder, spec.main_path) if spec.main_path else None,
            "kind": spec.target_kind,
            "target": spec.target,
            "state": session.saved,
            "methods": list(spec.methods),
            "elastic": not spec.stateful,
            "checkpoint": spec.checkpoint,
            "concurrency": spec.concurrency,
            "progress": self._progress_path,
            "folder": objects.folder,
            "spill": objects.spill,
            "creator": f"e{link.number}",
            "ledger": objects.ledger_path,
            "limit": objects.limit,
            "pool": objects.pool_limit // 2,
        }

    def _release(self, number: int) -> None:
        link = self.links.get(number)
        if link is not None:
            link.releasing = True
            link.session.left(link)
            self._hang_up(link)

    def _hang_up(self, link: Link) -> None:
        """Close our end; the executor ends by itself when it notices."""
        link.close()
        self.links.pop(link.number, None)
        self.engine.objects.leave(link)
        self.engine.keeper.after(STATUS_WAIT, lambda: self._let_go(link))

    # ---- what executors and the template say

    def ready(self, link: Link) -> None:
        """The object exists."""
        link.ready = True
        self._false_starts.pop(link.session.id, None)
        self.happened(ExecutorReady(link.number))
        link.session.pump()

    def broken(self, link: Link, record: Any) -> None:
        """The object could not be created: nothing of this service can run."""
        session = link.session
        cause = failures.rebuild(record)
        error = ServiceFailed(
            f"service '{session.spec.name}' could not start in its executor: {record[0]}: {record[1]}",
            service=session.spec.name,
        )
        error.__cause__ = cause
        self._fail_session(session, error)

    def _fail_session(self, session: LocalSession, error: BaseException) -> None:
        session._closed = error
        entries = list(session.outstanding())
        session.queued.clear()
        session.specials = 0
        for link in session.links:
            link.pending.clear()
        for entry in entries:
            session.settle(
                entry, self.engine.answers.failure(session, entry, failure_of(error, session.label(entry._method)))
            )

    def handed_back(self, link: Link, sequence: int) -> None:
        """The executor does not run the calls behind ``sequence``; others may."""
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

    def _hear(self, launcher: Launcher) -> None:
        reports = launcher.reports()
        if reports is None:
            self.engine.keeper.ignore(launcher.fileno())
            if self._launcher is launcher:
                self._launcher = None
            return
        for number, pid, status in reports:
            link = self.links.get(number)
            if status is None:
                if link is not None:
                    link.pid = pid
                self.happened(ExecutorStarted(number))
            else:
                self._ended(number, link, status)

    def _ended(self, number: int, link: Link | None, status: int) -> None:
        self.happened(ExecutorEnded(number))
        self._statuses[number] = status
        if link is not None and link.ended:
            self._bury(link)
        elif link is None:
            self._close_output(number)

    def hung_up(self, link: Link) -> None:
        """The socket has ended; the reason comes from the template in a moment."""
        if link.ended:
            return
        link.close()
        self.engine.keeper.after(STATUS_WAIT, lambda: self._bury(link))
        if link.number in self._statuses:
            self.engine.keeper.after(0, lambda: self._bury(link))

    def _overhear(self, link: Link, output: int) -> None:
        try:
            data = os.read(output, 1 << 16)
        except BlockingIOError:
            return
        if data:
            self.engine.output.raw(link, data)
        else:
            self._close_output(link.number)

    def _close_output(self, number: int) -> None:
        output = self._outputs.pop(number, None)
        if output is not None:
            self.engine.keeper.ignore(output)
            os.close(output)

    def _let_go(self, link: Link) -> None:
        self._close_output(link.number)
        self._statuses.pop(link.number, None)
        self.created.pop(link.number, None)
        if link.slot >= 0:
            self._free_slots.append(link.slot)
            link.slot = -1

    # ---- death

    def kill(self, link: Link) -> None:
        """End an executor's process for good."""
        if link.pid:
            try:
                os.kill(link.pid, signal.SIGKILL)
            except ProcessLookupError:
                return

    def _bury(self, link: Link) -> None:
        """An executor has ended without being asked to: settle its calls, and replace it."""
        with self._lock:
            if link.failed_over:
                return
            link.failed_over = True
        while link.number in self._outputs and self._drain_output(link):
            pass
        status = self._statuses.get(link.number)
        running = self._progress[link.slot] if link.slot >= 0 else 0
        self.links.pop(link.number, None)
        session = link.session
        session.left(link)
        self.engine.objects.leave(link)
        self._let_go(link)
        if status is None:
            self.happened(ExecutorEnded(link.number))
        if not session.closed or session.outstanding:
            self._settle_calls(link, status, running)
        link.held.clear()
        link.calls.clear()
        if not session.closed and not self.engine.closing:
            self._replace(session)

    def _drain_output(self, link: Link) -> bool:
        output = self._outputs[link.number]
        try:
            data = os.read(output, 1 << 16)
        except BlockingIOError:
            return False
        self.engine.output.raw(link, data)
        return bool(data)

    def _settle_calls(self, link: Link, status: int | None, running: int) -> None:
        session = link.session
        started = max(0, running - link.answered) if link.ready else 0
        entries = list(link.pending)
        link.pending.clear()
        begun, waiting = entries[:started], entries[started:]
        begun += [*link.promises.values(), *link.above.values()]
        retried = [entry for entry in begun if self._outlives(session, entry)]
        for entry in begun:
            if entry not in retried:
                self._fail(session, entry, link, status)
        for stream in link.open_streams():
            error = failure_of(self._death(session, link, status, "a stream"), session.spec.name)
            self.engine.answers.failure(session, stream.whole, error)
            for completion, outcome in stream.end(error):
                session.settle(completion, outcome)
        if not link.ready and self._is_false_start(session, link, status):
            return
        if session.spec.stateful and session.spec.checkpoint is None and session.spec.max_instances == 1:
            if link.ready:
                self._lose_state(session, link, status, retried + waiting)
                return
        session.requeue([*session.replay, *retried, *waiting])
        session.replay = []

    def _is_false_start(self, session: LocalSession, link: Link, status: int | None) -> bool:
        count = self._false_starts[session.id] = self._false_starts.get(session.id, 0) + 1
        if count < MAX_FALSE_STARTS:
            return False
        self._fail_session(
            session,
            ServiceFailed(
                f"service '{session.spec.name}' could not start: {count} executors ended while they created it; "
                f"the last one {describe_end(status)}{_tail(link)}",
                service=session.spec.name,
            ),
        )
        return True

    def _outlives(self, session: LocalSession, entry: Completion) -> bool:
        """Whether a call that was running may be run again (and is counted as tried once more)."""
        extra = entry._extra
        retries = session.spec.defaults.retries if extra is None else extra.retries
        lost = session.spec.stateful and session.spec.checkpoint is None
        if retries <= 0 or lost or (extra is not None and extra.why == "cancel"):
            return False
        if extra is None:
            return False
        extra.retries -= 1
        extra.why = ""
        return True

    def _fail(self, session: LocalSession, entry: Completion, link: Link, status: int | None) -> None:
        extra = entry._extra
        answers = self.engine.answers
        if extra is not None and extra.why == "cancel":
            session.settle(entry, answers.cancelled(session, entry))
        elif extra is not None and extra.why == "timeout":
            outcome = answers.timed_out(session, entry)
            if outcome is not None:
                session.settle(entry, outcome)
        else:
            error = self._death(session, link, status, session.label(entry._method))
            session.settle(entry, answers.failure(session, entry, failure_of(error, session.label(entry._method))))

    def _death(self, session: LocalSession, link: Link, status: int | None, what: str) -> ExecutorDied:
        code = os.waitstatus_to_exitcode(status) if status is not None else None
        return ExecutorDied(
            f"the executor (pid {link.pid}) of {what} {describe_end(status)} while the task ran{_tail(link)}",
            exitcode=code if code is not None and code >= 0 else None,
            signal=-code if code is not None and code < 0 else None,
            pid=link.pid,
            stderr="\n".join(link.tail),
            service=session.spec.name,
        )

    def _lose_state(self, session: LocalSession, link: Link, status: int | None, entries: list[Completion]) -> None:
        """The only instance of a service is gone, with what it had in memory."""
        code = os.waitstatus_to_exitcode(status) if status is not None else None
        error = StateLost(
            f"the instance of service '{session.spec.name}' is gone: its executor (pid {link.pid}) "
            f"{describe_end(status)}{_tail(link)}\nCreate the service again, or give it checkpoint=1 "
            "so that its state is saved and restored",
            exitcode=code if code is not None and code >= 0 else None,
            signal=-code if code is not None and code < 0 else None,
            pid=link.pid,
            stderr="\n".join(link.tail),
            service=session.spec.name,
        )
        session.requeue(entries)
        self._fail_session(session, error)

    def _replace(self, session: LocalSession) -> None:
        if session.queued or len(session.links) < session.spec.min_instances:
            session.grow(len(session.links) + 1)
        session.pump()

    # ---- the end

    def interrupt_all(self) -> None:
        """Interrupt whatever runs, politely; the processes that do not listen are killed at `close`."""
        for link in list(self.links.values()):
            for entry in list(link.pending)[:1]:
                extra = entry._extra
                if extra is None:
                    extra = entry._extra = Extra(link.session.spec.defaults)
                extra.why = "cancel"
                link.ring(b"C", link.answered + 1)

    def close(self) -> None:
        """End all executors; returns when their processes are gone."""
        for link in list(self.links.values()):
            link.close()
        launcher, self._launcher = self._launcher, None
        if launcher is not None:
            self.engine.keeper.ignore(launcher.fileno())
            launcher.close()
        for link in list(self.links.values()):
            if number := link.number in self._outputs and link.number:
                while self._drain_output(link):
                    pass
                self._close_output(number)
        self.links.clear()
        for number in list(self._outputs):
            self._close_output(number)

    def stop_answering(self) -> BaseException:
        """The error for whoever still waits when the engine closes."""
        return EngineClosed("the runner was left before this task had a result")

    def state_word(self, number: int) -> str:
        """The state of an executor, for people."""
        state = self.engine.cluster.state_of(number)
        return (ExecutorState.VOID if state is ExecutorState.RELEASED else state).value


def describe_end(status: int | None) -> str:
    """Say how a process ended, from its wait status."""
    if status is None:
        return "ended for an unknown reason"
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = "unknown"
    hint = " (often the system's out-of-memory killer)" if -code == signal.SIGKILL else ""
    return f"was killed by signal {-code} ({name}){hint}"


def _tail(link: Link) -> str:
    return "; its last output:\n  " + "\n  ".join(link.tail) if link.tail else ""
