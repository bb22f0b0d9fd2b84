"""What the server keeps in memory: applications, sessions, tasks, executors.

What a client said of them stays the message that it was; the rest is here. Times are milliseconds since the epoch.
States change in `flamepy.server.book` and in executors, by the tables of `flamepy.model.lifecycle`, and nowhere else.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from flamepy.model.lifecycle import (
    EXECUTOR_TRANSITIONS,
    TASK_TRANSITIONS,
    ExecutorEvent,
    ExecutorState,
    SessionState,
    TaskEvent,
    TaskState,
    advance,
)
from flamepy.wire.leases import lease_of

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Callable

    from flamepy.wire.proto import types_pb2 as types


class Need(NamedTuple):
    """What one executor takes of the machine, or what the machine has.

    Attributes:
        cpu: Cores.
        memory: Bytes.
        gpu: Devices.
    """

    cpu: int = 0
    memory: int = 0
    gpu: int = 0

    def fits(self, room: Need) -> bool:
        """Whether there is room for this."""
        return self.cpu <= room.cpu and self.memory <= room.memory and self.gpu <= room.gpu

    def plus(self, other: Need, times: int = 1) -> Need:
        """Return the sum, ``other`` taken ``times`` times."""
        return Need(self.cpu + other.cpu * times, self.memory + other.memory * times, self.gpu + other.gpu * times)


NOTHING = Need()

DEFAULT_NEED = Need(1, 1 << 30, 0)
"""What an executor takes, if nobody says."""


class Event(NamedTuple):
    """Something that happened to a session or task."""

    code: int
    message: str
    created: int


class Application:
    """A registered application."""

    __slots__ = ("created", "name", "spec")

    def __init__(self, name: str, spec: types.ApplicationSpec, created: int) -> None:
        self.name, self.spec, self.created = name, spec, created


class Task:
    """One task of a session.

    Attributes:
        number: 1, 2, 3… in its session.
        message: Why it failed.
        executor: Id of the executor that runs it or ran it.
        watchers: Called, in no order, whenever the state has changed.
        log: Where in the session's log its output starts and ends.
        shed: Its input and output are in the store alone.
        recorded: It is on file, and may run.
    """

    __slots__ = (
        "created",
        "ended",
        "executor",
        "input",
        "log",
        "message",
        "number",
        "output",
        "recorded",
        "session",
        "shed",
        "started",
        "state",
        "watchers",
    )

    def __init__(self, session: Session, number: int, created: int) -> None:
        self.session = session
        self.number = number
        self.input: bytes | None = None
        self.shed = self.recorded = False
        self.output: bytes | None = None
        self.state = TaskState.PENDING
        self.created = created
        self.started: int | None = None
        self.ended: int | None = None
        self.message = ""
        self.executor = ""
        self.watchers: list[Callable[[], None]] | None = None
        self.log: tuple[int, int] | None = None

    def take(self, event: TaskEvent) -> None:
        """Change the state; the session's counters follow."""
        before = self.state
        self.state = advance(TASK_TRANSITIONS, f"task {self.session.id}/{self.number}", before, event)
        self.session.counts[before] -= 1
        self.session.counts[self.state] += 1

    def changed(self) -> None:
        """Tell whoever watches."""
        if self.watchers:
            for watcher in tuple(self.watchers):
                watcher()


class Session:
    """One session.

    Attributes:
        need: What each of its executors takes.
        queue: Numbers of tasks that wait, a heap; those that no longer wait are skipped.
        counts: Tasks by state.
        idle: Executors that wait for a task, the one that waits longest first.
        executors: Its living executors by id.
        borrowers: Executors that clients are to be lent when there is room, in the order in which they came.
        failures: How many executors could not be bound since the last one that could.
        exhausted: It gets no more executors.
        tally: Counters of tasks that a client runs on executors it was lent, by state.
        lease: Seconds without a word of its client after which it is closed; None for never.
    """

    __slots__ = (
        "borrowers",
        "counts",
        "created",
        "ended",
        "events",
        "executors",
        "exhausted",
        "failures",
        "id",
        "idle",
        "lease",
        "need",
        "next_number",
        "queue",
        "spec",
        "state",
        "tally",
        "tasks",
    )

    def __init__(self, name: str, spec: types.SessionSpec, need: Need, created: int) -> None:
        self.id = name
        self.spec = spec
        self.need = need
        self.state = SessionState.OPEN
        self.created = created
        self.ended: int | None = None
        self.tasks: dict[int, Task] = {}
        self.queue: list[int] = []
        self.counts = dict.fromkeys(TaskState, 0)
        self.tally: dict[TaskState, int] = {}
        self.events: list[Event] = []
        self.idle: deque[Future[Task | None]] = deque()
        self.executors: dict[str, Executor] = {}
        self.borrowers: deque[Executor] = deque()
        self.failures = 0
        self.exhausted = False
        self.lease = lease_of([spec.common_data.decode(errors="replace")]) if len(spec.common_data) < 40 else None
        self.next_number = 1

    def shown(self, state: TaskState) -> int:
        """How many tasks are in a state, those that a client keeps included."""
        return self.counts[state] + self.tally.get(state, 0)


class Executor:
    """One executor: a process that serves one session.

    Attributes:
        pid: Of the process; 0 before it is there.
        task: What it runs.
        work: The coroutine that owns it is told to stop by setting this.
        lent: It belongs to a client that speaks to it directly.
        admitted: Done when it may be there, for one that is lent.
    """

    __slots__ = ("admitted", "created", "id", "lent", "need", "pid", "session", "state", "stop", "task")

    def __init__(
        self, name: str, session: Session, created: int, stop: Callable[[], None], *, lent: bool = False
    ) -> None:
        self.id = name
        self.session = session
        self.need = session.need
        self.state = ExecutorState.VOID
        self.created = created
        self.pid = 0
        self.task: Task | None = None
        self.stop = stop
        self.lent = lent
        self.admitted: Future[None] | None = None

    def take(self, event: ExecutorEvent) -> None:
        """Change the state."""
        self.state = advance(EXECUTOR_TRANSITIONS, f"executor {self.id}", self.state, event)

    @property
    def spare(self) -> bool:
        """Whether it takes nothing of what sessions share."""
        return self.lent and self.need == NOTHING

    @property
    def leaving(self) -> bool:
        """Whether it takes no more tasks."""
        return self.state in {ExecutorState.RELEASING, ExecutorState.RELEASED}
