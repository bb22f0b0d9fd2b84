"""Services used from inside a task: the call goes to the client's engine, the answer comes back here.

While a task waits for such an answer its executor is not idle: it serves what the client sends - answers, and calls
that have to run above the waiting one because everybody else waits too - so that calls which call back never deadlock.
"""

from __future__ import annotations

import _thread
from collections import deque

from flamepy.completion import PENDING, Completion, Encoded, Failure
from flamepy.errors import EngineError, TaskCancelled
from flamepy.runtime.nested_streams import NestedStreams
from flamepy.serialization import codec, failures
from flamepy.serialization.segments import Lease
from flamepy.wire.frames import Ask, Say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flamepy.runtime.loop import Executor
    from flamepy.runtime.tasks import Tasks
    from flamepy.serialization.segments import Part

_here: Calls | None = None
"""The calls of this process; set once, when an executor is bound."""


def enter(calls: Calls) -> None:
    """Make ``calls`` those of this process."""
    global _here  # a process has one executor, and unpickling has no way to pass it
    _here = calls


class NestedSession:
    """A session of the client, seen from inside a task: what a service handle pickles to.

    Args:
        session: The session's id.
        name: The service's name.
        defaults: The options of its calls, unless they are the usual ones.
    """

    def __init__(self, session: str, name: str, defaults: Any = None) -> None:
        self.id = session
        self.name = name
        self._defaults = defaults
        self.spec = self

    @property
    def defaults(self) -> Any:
        """The options of calls that give none."""
        if self._defaults is None:
            from flamepy.model.specs import CallOptions

            self._defaults = CallOptions()
        return self._defaults

    def __reduce__(self) -> tuple[Any, ...]:
        return NestedSession, (self.id, self.name, self._defaults)

    def submit(
        self,
        completion: Completion,
        method: int,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        options: Any = None,
    ) -> None:
        """Send one call to the client's engine, see `flamepy.engines.port.Session.submit`."""
        if _here is None:
            raise EngineError(f"service '{self.name}' is used outside of a runner and outside of a task")
        _here.submit(self, completion, method, args, kwargs, options)

    def close(self, *, cancel: bool = False) -> None:
        """The client owns the session; closing it from a task does nothing."""


class Calls:
    """The calls that tasks of this executor have made.

    Args:
        executor: Its main loop.
        tasks: Encodes and decodes.

    Attributes:
        streams: The generators among them.
    """

    def __init__(self, executor: Executor, tasks: Tasks) -> None:
        self._executor = executor
        self._tasks = tasks
        self._main = _thread.get_ident()
        self._open: dict[int, Completion] = {}
        self._waiting = 0
        self._count = 0
        self.streams = NestedStreams(executor, tasks.decoder.value, self)

    def submit(
        self,
        session: NestedSession,
        completion: Completion,
        method: int,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        options: Any,
    ) -> None:
        """Send a call; its completion is filled in by `answered`."""
        payload = self._tasks.arguments(args, kwargs)
        self._count += 1
        number = self._count
        completion._source = self
        self._open[number] = completion
        how = None
        if options is not None:
            types = options.retry_exceptions
            how = options.timeout, options.retries, options.priority, codec.dumps(types) if types else b""
        self._executor.out.append((Say.CALL, number, session.id, method, payload, how))
        self._executor.flush()

    def is_open(self, number: int) -> bool:
        """Whether a call has not been answered."""
        return number in self._open

    # ---- what a Completion asks of its source

    def wait(self, completion: Completion, timeout: float | None) -> bool:
        """Wait for an answer; on the main thread by serving the socket meanwhile."""
        if _thread.get_ident() != self._main:
            return self._wait_elsewhere(completion, timeout)
        return self._wait_serving(completion, timeout)

    def watch(self, completion: Completion) -> None:
        """Callbacks need the socket to be read although the main thread may be busy."""
        self._executor.relay()

    def attach(self, loop: Any) -> None:
        """Used on the executor's event loop: the relay reads."""
        self._executor.relay()

    def cancel(self, completion: Completion) -> bool:
        """Ask the client to cancel the call."""
        for number, candidate in list(self._open.items()):
            if candidate is completion:
                self._executor.out.append((Say.CANCEL_CALL, number))
                self._executor.flush()
                return True
        return False

    def settle(self, completion: Completion, outcome: object) -> None:
        """Complete on any thread, and have the main thread look if it waits."""
        completion.complete(outcome)
        self._executor.nudge()

    def _wait_elsewhere(self, completion: Completion, timeout: float | None) -> bool:
        self.watch(completion)
        done = _thread.allocate_lock()
        done.acquire()
        completion.when_done(lambda _: done.release())
        return done.acquire(timeout=-1 if timeout is None else timeout)

    def _wait_serving(self, completion: Completion, timeout: float | None) -> bool:
        from time import monotonic

        executor = self._executor
        # A ticket for the first of several calls is none of them; any will do to say that we wait.
        number = next((n for n, c in self._open.items() if c is completion), 0)
        number = number or self.streams.number_of(completion) or next(iter(self._open), 0)
        outer, self._waiting = self._waiting, number
        executor.out.append((Say.WAITING, number))
        executor.hand_back()
        executor.flush()
        deadline = None if timeout is None else monotonic() + timeout
        put_off: deque[list[Any]] = deque()
        try:
            while completion._outcome is PENDING:
                message = self._next(executor, deadline)
                if message is None:
                    return False
                self._sort(message, put_off)
                executor.flush()
        finally:
            executor.inbox.extendleft(reversed(put_off))
            self._waiting = outer
            executor.out.append((Say.WAITING, outer))
            executor.late()
        return True

    def _next(self, executor: Executor, deadline: float | None) -> list[Any] | None:
        if executor.inbox:
            return executor.inbox.popleft()
        message = executor.receive_before(deadline)
        if message is None and deadline is None:
            raise EngineError("the client is gone")
        return message

    def _sort(self, message: list[Any], put_off: deque[list[Any]]) -> None:
        """Obey the notes that cannot wait; keep calls, and what may run user code, for after this task."""
        later: list[Any] = []
        rest = iter(message)
        for kind, body in zip(rest, rest, strict=False):
            if kind >= 0 and self._executor.drops_call():
                continue
            if kind >= 0 or kind in (Ask.CREDIT, Ask.STOP_STREAM, Ask.SAVE):
                later += (kind, body)
            else:
                self._executor.note(kind, body)
        if later:
            put_off.append(later)

    # ---- notes of the client

    def answered(self, number: int, reply: Any) -> None:
        """Fill in a completion."""
        kind = reply[0] if type(reply) is tuple else None
        stream = self.streams.begin(number) if kind == Say.STREAM else None
        completion = self._open.pop(number, None)
        if completion is None:
            return
        if kind == Say.FAILED:
            completion.complete(Failure(lambda: failures.rebuild(reply[1]), "a call from a task"))
        elif kind == Say.CANCELLED:
            completion.complete(Failure(lambda: TaskCancelled("the call was cancelled"), "a call from a task"))
        elif kind == Say.STREAM:
            completion.complete(stream)
        elif kind is None:
            completion.complete(reply)
        else:
            completion.complete(Encoded(reply, self._tasks.decoder.value, self._keep(number, reply)))
        self._executor.nudge()

    def _keep(self, number: int, form: Any) -> list[Lease]:
        """Leases on the answer's segment; when the last view is gone the client may drop it."""
        if form[0] != 1 or form[2] is None:
            return []
        part: Part = form[2]
        segment = self._tasks.decoder._segment_of(part)
        segment.on_free = lambda _: self._drop(number)
        return [Lease(segment)]

    def _drop(self, number: int) -> None:
        self._executor.out.append((Say.DROP, number))
        self._executor.late()

    def run_nested(self, number: int, method: int, args: Any) -> None:
        """Run a call above the task that waits."""
        self._executor.out.append((Say.NESTED_DONE, number, self._executor.call_above(method, args)))
