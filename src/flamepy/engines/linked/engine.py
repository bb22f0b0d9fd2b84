"""The engine, put together; see the package's docstring for how the parts play."""

from __future__ import annotations

import _thread
import atexit
import os
from contextlib import ExitStack
from time import monotonic, time

from flamepy.completion import PENDING, Completion, Encoded
from flamepy.engines.linked import forks
from flamepy.engines.linked.answers import Answers
from flamepy.engines.linked.deadlines import Deadlines
from flamepy.engines.linked.duties import Duties
from flamepy.engines.linked.fleet import Fleet
from flamepy.engines.linked.inspection import places
from flamepy.engines.linked.interrupts import GUARD
from flamepy.engines.linked.keeper import Keeper
from flamepy.engines.linked.nesting import Nesting
from flamepy.engines.linked.output import Output
from flamepy.engines.linked.reader import Reader
from flamepy.engines.linked.session import LinkedSession
from flamepy.errors import EngineClosed, EngineUnavailable
from flamepy.scheduling.cluster import Cluster
from flamepy.scheduling.events import Backlog, SessionClosed, SessionOpened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flamepy.completion import Source
    from flamepy.engines.linked.carrier import Carrier
    from flamepy.model.specs import PackageRef, SessionSpec


MOST_CORES = 256
"""A function that is to have more executors than so many has to say so; each is a connection of this process."""


class LinkedEngine:
    """Executors behind channels, wherever a carrier starts them; see `flamepy.engines.port.Engine`.

    Args:
        carrier: Starts executors; this engine is its only user.
        show_logs: Whether the tasks' prints appear here.
        log_prefix: What stands before each line; ``{service}`` and ``{pid}`` are filled in.

    Raises:
        EngineUnavailable: There is no room for its folders.
    """

    def __init__(self, carrier: Carrier, *, show_logs: bool, log_prefix: str) -> None:
        self.carrier = carrier
        self.id = f"{os.getpid()}-{os.urandom(3).hex()}"
        self.created = time()
        self.closing = self.closed = False
        self.why_closed = "this runner has been left"
        self.nested_calls = 0
        self.latency: float = getattr(carrier, "latency", 0.0)
        self.sessions: dict[str, LinkedSession] = {}
        self.packages: dict[str, PackageRef] = {}
        self._counts: dict[str, int] = {}
        self._owner = os.getpid()
        self._loop: Any = None
        self._register: Any = None
        self._ending = _thread.RLock()
        self.guard = GUARD
        try:
            with ExitStack() as undo:  # run from its end by `close`, or now should something fail
                undo.callback(self.guard.remove)
                self.guard.install()
                self.place = places.claim(self.id)
                undo.callback(self.place.release)
                carrier.open(self.id, undo)
                self._make_parts(undo, show_logs, log_prefix)
                self._undo = undo.pop_all()
        except OSError as error:
            raise EngineUnavailable(f"the engine at {carrier.endpoint} cannot start: {error}") from error

    def _make_parts(self, undo: ExitStack, show_logs: bool, log_prefix: str) -> None:  # noqa: FBT001
        self.objects = self.carrier.objects
        self.reader = Reader(self.guard)
        undo.callback(self.reader.close)
        self.keeper = Keeper(self)
        undo.callback(self.keeper.stop)
        self.duties = Duties(self)
        self.cluster = Cluster(self.carrier.resources, self.carrier.place)
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
        """Start the carrier, the background thread and the control socket; return at once.

        Raises:
            EngineUnavailable: The carrier cannot start.
        """
        from flamepy.engines.linked.inspection.register import Register

        try:
            self.carrier.start(self.fleet, self.keeper)
            self._register = Register(self)
            self.keeper.start()
            forks.watch(self)
            atexit.register(self.close, cancel=True)
        except BaseException:
            self.close(cancel=True)
            raise

    # ---- the port

    @property
    def cores(self) -> int:
        """Executors that a function has at most unless it is told otherwise."""
        return max(1, min(MOST_CORES, int(self.carrier.resources.cpu)))

    def register(self, package: PackageRef) -> None:
        """Bring the runner's package to where executors work."""
        self.packages[package.name] = package
        self.carrier.prepare(package)

    def unregister(self, package: PackageRef) -> None:
        """Remove what `register` brought there."""
        self.packages.pop(package.name, None)
        self.carrier.forget(package)

    def open_session(self, spec: SessionSpec) -> LinkedSession:
        """Open a service and start its first executor."""
        if self.closing:
            raise EngineClosed(self.why_closed + "; open services inside its with block")
        self.cluster.resize(self.carrier.resources)
        count = self._counts[spec.name] = self._counts.get(spec.name, 0) + 1
        session_id = f"{spec.application}-{_slug(spec.name)}-{self.id}-{count}"
        session = LinkedSession(self, session_id, spec)
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

    def _start_session(self, session: LinkedSession, event: SessionOpened) -> None:
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
            completion._outcome = Encoded(form, self.objects.decode, (lease, [c._outcome for c in found]))

    def drain(self, timeout: float | None = None) -> bool:
        """Wait until every task has an outcome, those too that wait for others."""
        deadline = None if timeout is None else monotonic() + timeout
        return all(self.drain_session(session, deadline) for session in list(self.sessions.values()))

    def drain_session(self, session: LinkedSession, deadline: float | None = None) -> bool:
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
        self.carrier.disown()
        self.reader.close()
        self.keeper.disown()
        if self._register is not None:
            self._register.disown()

    # ---- for the other parts

    def session_closed(self, session: LinkedSession) -> None:
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
            if session.queued and session.idle:  # the others get on by themselves: their answers make room
                session.pump()

    # ---- for sessions

    def want_executors(self, session: LinkedSession, count: int) -> bool:
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


def _slug(name: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in name).strip("-").lower()[:40] or "service"


_DONE: Source = _Done()
