"""The embedded engine, put together; see the package's docstring for how the parts play."""

from __future__ import annotations

import _thread
import atexit
import os
from contextlib import ExitStack
from time import monotonic, time

from flamepy.completion import PENDING, Completion, Encoded
from flamepy.engines.local import forks
from flamepy.engines.local.answers import Answers
from flamepy.engines.local.deadlines import Deadlines
from flamepy.engines.local.duties import Duties
from flamepy.engines.local.fleet import Fleet
from flamepy.engines.local.inspection import places
from flamepy.engines.local.interrupts import GUARD
from flamepy.engines.local.keeper import Keeper
from flamepy.engines.local.machine import gpu_count, machine_memory, shared_memory_root, temporary_root
from flamepy.engines.local.nesting import Nesting
from flamepy.engines.local.objects import ObjectStore
from flamepy.engines.local.output import Output
from flamepy.engines.local.reader import Reader
from flamepy.engines.local.session import LocalSession
from flamepy.errors import EngineClosed, EngineUnavailable
from flamepy.model.specs import Resources
from flamepy.scheduling.cluster import Cluster
from flamepy.scheduling.events import Backlog, SessionClosed, SessionOpened
from flamepy.wire.pulse import CORES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flamepy.completion import Source
    from flamepy.engines.local.workplace import Workplace
    from flamepy.model.specs import PackageRef, SessionSpec

MEMORY_SHARE = 0.3
"""Of the machine's memory, what objects may take unless told otherwise."""


class LocalEngine:
    """Executors on this machine; see `flamepy.engines.port.Engine`.

    Args:
        object_memory: Bytes of shared memory for objects; None for 30 % of the machine's memory.
        show_logs: Whether the tasks' prints appear here.
        log_prefix: What stands before each line; ``{service}`` and ``{pid}`` are filled in.
        main_by_value: Whether code of ``__main__`` travels by value.

    Raises:
        EngineUnavailable: Not on this operating system, or the template process does not start.
    """

    def __init__(self, *, object_memory: int | None, show_logs: bool, log_prefix: str, main_by_value: bool) -> None:
        if not hasattr(os, "fork") or not hasattr(os, "posix_spawn"):
            raise EngineUnavailable(
                "the embedded engine needs Linux or macOS; on this system point flame.yaml at a Flame or Ray cluster"
            )
        self.id = f"{os.getpid()}-{os.urandom(3).hex()}"
        self.created = time()
        self.closing = self.closed = False
        self.why_closed = "this runner has been left"
        self.nested_calls = 0
        self.python: str | None = None
        self.sessions: dict[str, LocalSession] = {}
        self.packages: dict[str, PackageRef] = {}
        self._workplaces: dict[str, Workplace] = {}
        self._counts: dict[str, int] = {}
        self._owner = os.getpid()
        self._loop: Any = None
        self._register: Any = None
        self._ending = _thread.RLock()
        self.guard = GUARD
        memory = object_memory or int(MEMORY_SHARE * machine_memory())
        try:
            with ExitStack() as undo:  # run from its end by `close`, or now should something fail
                undo.callback(self.guard.remove)
                self.guard.install()
                self._make_folders(undo)
                self._make_parts(undo, memory, show_logs, log_prefix, main_by_value)
                self._undo = undo.pop_all()
        except OSError as error:
            raise EngineUnavailable(f"the embedded engine cannot start: {error}") from error

    def _make_folders(self, undo: ExitStack) -> None:
        self.place = places.claim(self.id)
        undo.callback(self.place.release)
        self._shared = f"{shared_memory_root()}/flamepy-{os.geteuid()}-{self.id}"
        self.work_folder = f"{temporary_root()}/flamepy-{os.geteuid()}-{self.id}.work"
        self.litter = [self._shared, self.work_folder]
        for folder in self.litter:
            os.mkdir(folder, 0o700)
            undo.callback(_remove, folder)

    def _make_parts(
        self,
        undo: ExitStack,
        memory: int,
        show_logs: bool,  # noqa: FBT001
        log_prefix: str,
        main_by_value: bool,  # noqa: FBT001
    ) -> None:
        self.objects = ObjectStore(self._shared, f"{self.work_folder}/spill", memory, main_by_value=main_by_value)
        undo.callback(self.objects.close)
        self.reader = Reader(self.guard)
        undo.callback(self.reader.close)
        self.keeper = Keeper(self)
        undo.callback(self.keeper.stop)
        self.duties = Duties(self)
        self.cluster = Cluster(Resources(cpu=CORES, memory=machine_memory(), gpu=gpu_count()))
        self.output = Output(self, show=show_logs, prefix=log_prefix)
        undo.callback(self.output.close)
        self.answers = Answers(self)
        self.deadlines = Deadlines(self)
        self.nesting = Nesting(self)
        self.fleet = Fleet(self)
        undo.callback(self.fleet.close)
        undo.callback(self._last_words)  # while executors end
        undo.callback(self.fleet.end_all)

    def start(self) -> None:
        """Start the background thread, the template process and the control socket; return at once.

        Raises:
            EngineUnavailable: The template process cannot be started.
        """
        from flamepy.engines.local.inspection.register import Register

        try:
            self.fleet.start_template()
            self._register = Register(self)
            self.keeper.start()
            forks.watch(self)
            atexit.register(self.close, cancel=True)
        except BaseException:
            self.close(cancel=True)
            raise

    # ---- the port

    def register(self, package: PackageRef) -> None:
        """Unpack the runner's package."""
        from flamepy.engines.local.workplace import Workplace

        self.packages[package.name] = package
        folder = f"{self.work_folder}/{package.name}"
        self._workplaces[package.name] = Workplace(package, folder)
        for path in package.disposable:
            self.fleet.add_litter(str(path))
        if package.python is not None and package.python != self.python:
            self.python = package.python

    def unregister(self, package: PackageRef) -> None:
        """Remove what `register` unpacked."""
        import shutil

        self.packages.pop(package.name, None)
        workplace = self._workplaces.pop(package.name, None)
        if workplace is not None:
            shutil.rmtree(workplace.folder, ignore_errors=True)

    def open_session(self, spec: SessionSpec) -> LocalSession:
        """Open a service and start its first executor."""
        if self.closing:
            raise EngineClosed(self.why_closed + "; open services inside its with block")
        count = self._counts[spec.name] = self._counts.get(spec.name, 0) + 1
        session_id = f"{spec.application}-{_slug(spec.name)}-{self.id}-{count}"
        session = LocalSession(self, session_id, spec)
        self.sessions[session_id] = session
        eager = spec.max_instances if spec.stateful else 1
        event = SessionOpened(session_id, spec.min_instances, spec.max_instances, spec.resources, eager)
        try:
            self._start_session(session, event)
        except BaseException:
            del self.sessions[session_id]
            self.fleet.happened(SessionClosed(session_id))
            raise
        self._register.changed()
        return session

    def _start_session(self, session: LocalSession, event: SessionOpened) -> None:
        problem = self.fleet.happened(event)
        if problem is not None and not session.links:
            raise problem

    def put(self, completion: Completion, value: object) -> None:
        """Store a value."""
        if self.closing:
            raise EngineClosed(self.why_closed + "; put objects inside its with block")
        form, lease, found = self.objects.value(value)
        for inner in found:
            inner._source.wait(inner, None)
        if found:
            form = (*form[:3], [self.answers._encode(c) for c in found])
        completion._source = _DONE
        if type(form) is not tuple:
            completion._outcome = form
        else:
            completion._outcome = Encoded(form, self.objects.decoder.value, (lease, [c._outcome for c in found]))

    def drain(self, timeout: float | None = None) -> bool:
        """Wait until every task has an outcome, those too that wait for others."""
        deadline = None if timeout is None else monotonic() + timeout
        return all(self.drain_session(session, deadline) for session in list(self.sessions.values()))

    def drain_session(self, session: LocalSession, deadline: float | None = None) -> bool:
        """Wait for the tasks of one service; streams that nobody takes are not waited for."""
        while True:
            for link in list(session.links):
                link.abandon_unwanted()
            entry = next((e for e in session.outstanding() if e._outcome is PENDING), None)
            if entry is None:
                return True
            left = None if deadline is None else max(0.0, deadline - monotonic())
            if not session.wait(entry, left):
                return False

    def close(self, *, cancel: bool = False) -> None:
        """End everything; see the port."""
        if self.closed or os.getpid() != self._owner:
            return
        with self._ending:  # several threads may ask; all of them return when it is done
            self._close_once(cancel=cancel)

    def _close_once(self, *, cancel: bool) -> None:
        if self.closed:
            return
        self.closing = True
        try:
            self._stop_work(cancel=cancel)
            self.attach(None)
        finally:
            self.closed = True
            atexit.unregister(self.close)
            with self.guard:  # Ctrl-C waits for the end of this, which is near
                self._undo.close()

    def _stop_work(self, *, cancel: bool) -> None:
        if cancel:
            for session in list(self.sessions.values()):
                self.answers.cancel_queued(session)
        else:
            self.drain()
        for session in list(self.sessions.values()):
            session.close(cancel=cancel)

    def _last_words(self) -> None:
        if self._register is not None:
            self._register.ended()

    def disown(self) -> None:
        """In a forked child: close our copies of descriptors, and nothing else; see `forks`."""
        atexit.unregister(self.close)
        self._undo.pop_all()
        self.guard.remove()
        self.fleet.disown()
        self.reader.close()
        self.keeper.disown()
        if self._register is not None:
            self._register.disown()

    # ---- for the other parts

    def workplace(self, package: PackageRef) -> Workplace:
        """The unpacked package."""
        return self._workplaces[package.name]

    def session_closed(self, session: LocalSession) -> None:
        """A service was closed: let its executors go and report what nobody looked at."""
        self.fleet.happened(SessionClosed(session.id))
        for failure, _, _ in session.failures:
            found = failure()
            if found is not None:
                found.report()
        self._register.session_closed(session)
        self.sessions.pop(session.id, None)

    def attach(self, loop: Any) -> None:
        """Let an event loop read the executors' sockets, instead of a thread."""
        if self._loop is loop:
            return
        before, self._loop = self._loop, loop
        if before is not None and not before.is_closed():
            try:
                before.remove_reader(self.reader.fileno())
            except RuntimeError:  # it belongs to another thread and was closed at this moment
                pass
        if loop is not None:
            loop.add_reader(self.reader.fileno(), self.reader.serve)

    @property
    def loop_reads(self) -> bool:
        """Whether an event loop reads at present."""
        return self._loop is not None and self._loop.is_running()

    def flush(self) -> None:
        """Send what has gathered in all services: the one waited for may depend on any."""
        for session in list(self.sessions.values()):
            if session.queued:
                session.pump()

    # ---- for sessions

    def want_executors(self, session: LocalSession, count: int) -> bool:
        """Ask the core for ``count`` executors of a service; says whether there are more now."""
        before = len(session.links)
        self.fleet.happened(Backlog(session.id, count))
        return len(session.links) > before


class _Done:
    """The source of completions that were never pending."""

    def wait(self, completion: Completion, timeout: float | None) -> bool:
        return True

    def watch(self, completion: Completion) -> None:
        return

    def settle(self, completion: Completion, outcome: object) -> None:
        completion.complete(outcome)

    def cancel(self, completion: Completion) -> bool:
        return False

    def attach(self, loop: Any) -> None:
        return


def _remove(folder: str) -> None:
    try:  # with one descriptor and no import, for there may be none left
        for name in os.listdir(folder):
            os.unlink(f"{folder}/{name}")
        os.rmdir(folder)
    except OSError:
        import shutil

        shutil.rmtree(folder, ignore_errors=True)


def _slug(name: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in name).strip("-").lower()[:40] or "service"


_DONE: Source = _Done()
