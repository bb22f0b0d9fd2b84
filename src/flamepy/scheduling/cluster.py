"""The decisions: how many executors each session gets, within the resources of the machine."""

from __future__ import annotations

from flamepy.errors import ResourcesUnavailable
from flamepy.model.lifecycle import EXECUTOR_TRANSITIONS, ExecutorEvent, ExecutorState, advance
from flamepy.scheduling.events import (
    Backlog,
    Command,
    Event,
    ExecutorEnded,
    ExecutorIdle,
    ExecutorReady,
    ExecutorStarted,
    Hold,
    ReleaseExecutor,
    SessionClosed,
    SessionOpened,
    StartExecutor,
    StartFailed,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from flamepy.model.specs import Resources

LIVE = frozenset({ExecutorState.VOID, ExecutorState.BINDING, ExecutorState.BOUND})
"""States in which an executor counts for its session."""


class _Session:
    __slots__ = ("executors", "maximum", "minimum", "name", "resources", "wanted")

    def __init__(self, event: SessionOpened) -> None:
        self.name = event.session
        self.minimum = event.minimum
        self.maximum = event.maximum
        self.resources = event.resources
        self.wanted = max(event.minimum, event.eager)
        self.executors: set[int] = set()


class _Executor:
    __slots__ = ("resources", "session", "state")

    def __init__(self, session: _Session) -> None:
        self.session = session.name
        self.resources = session.resources
        self.state = ExecutorState.VOID


class Cluster:
    """All scheduling state of one engine.

    Args:
        capacity: What there is; only resources that a session asks for by name are counted.
        place: Where, for messages.

    Example:
        >>> from flamepy.model.specs import Resources
        >>> cluster = Cluster(Resources(cpu=2))
        >>> cluster.handle(SessionOpened("s", 1, 1, Resources(cpu=1)))
        [StartExecutor(executor=1, session='s')]
    """

    def __init__(self, capacity: Resources, place: str = "this machine") -> None:
        self._capacity = capacity
        self._place = place
        self._sessions: dict[str, _Session] = {}
        self._executors: dict[int, _Executor] = {}
        self._count = 0
        self._handlers: dict[type, Callable[..., list[Command]]] = {
            SessionOpened: self._opened,
            SessionClosed: self._closed,
            Backlog: self._backlog,
            ExecutorStarted: lambda e: self._advance(e.executor, ExecutorEvent.STARTED),
            StartFailed: self._start_failed,
            ExecutorReady: lambda e: self._advance(e.executor, ExecutorEvent.READY),
            ExecutorEnded: self._ended,
            ExecutorIdle: self._idle,
        }

    def handle(self, event: Event) -> list[Command]:
        """Take in what happened; returns what to do, in order.

        Raises:
            ResourcesUnavailable: A session is opened that can never have an executor.
            InternalError: The event cannot happen in the present state.
        """
        return self._handlers[type(event)](event)

    def resize(self, capacity: Resources) -> None:
        """There is more, or less, than there was."""
        self._capacity = capacity

    def state_of(self, executor: int) -> ExecutorState:
        """The state of an executor; ``RELEASED`` for one that is gone."""
        found = self._executors.get(executor)
        return found.state if found else ExecutorState.RELEASED

    def _opened(self, event: SessionOpened) -> list[Command]:
        self._check_feasible(event)
        session = _Session(event)
        self._sessions[event.session] = session
        return self._grow(session)

    def _closed(self, event: SessionClosed) -> list[Command]:
        session = self._sessions.pop(event.session, None)
        commands: list[Command] = []
        for number in sorted(session.executors) if session else ():
            commands += self._release(number)
        return commands

    def _backlog(self, event: Backlog) -> list[Command]:
        session = self._sessions.get(event.session)
        if session is None:
            return []
        session.wanted = max(session.minimum, min(event.wanted, session.maximum))
        return self._grow(session)

    def _idle(self, event: ExecutorIdle) -> list[Command]:
        executor = self._executors.get(event.executor)
        session = self._sessions.get(executor.session) if executor else None
        if executor is None or session is None or executor.state is not ExecutorState.BOUND:
            return []
        if self._live(session) <= session.minimum:
            return []
        session.wanted = max(session.minimum, session.wanted - 1)
        return self._release(event.executor)

    def _ended(self, event: ExecutorEnded) -> list[Command]:
        executor = self._executors.pop(event.executor, None)
        if executor is None:
            return []
        advance(EXECUTOR_TRANSITIONS, f"executor {event.executor}", executor.state, ExecutorEvent.ENDED)
        session = self._sessions.get(executor.session)
        if session is not None:
            session.executors.discard(event.executor)
        # What it held is free: anybody who waits may have it.
        commands: list[Command] = []
        for waiting in self._sessions.values():
            commands += self._grow(waiting)
        return commands

    def _start_failed(self, event: StartFailed) -> list[Command]:
        # Not begun anew at once: what kept it from starting most likely still does.
        executor = self._executors.pop(event.executor, None)
        session = self._sessions.get(executor.session) if executor else None
        if session is not None:
            session.executors.discard(event.executor)
            session.wanted = self._live(session)
        return []

    def _grow(self, session: _Session) -> list[Command]:
        commands: list[Command] = []
        while self._live(session) < session.wanted:
            missing = self._missing(session.resources)
            if missing:
                commands.append(Hold(session.name, missing))
                break
            self._count += 1
            self._executors[self._count] = _Executor(session)
            session.executors.add(self._count)
            commands.append(StartExecutor(self._count, session.name))
        return commands

    def _release(self, number: int) -> list[Command]:
        executor = self._executors[number]
        if executor.state not in LIVE:
            return []
        self._advance(number, ExecutorEvent.RELEASE)
        return [ReleaseExecutor(number)]

    def _advance(self, number: int, event: ExecutorEvent) -> list[Command]:
        executor = self._executors.get(number)
        if executor is not None and (executor.state, event) in EXECUTOR_TRANSITIONS:
            executor.state = advance(EXECUTOR_TRANSITIONS, f"executor {number}", executor.state, event)
        return []

    def _live(self, session: _Session) -> int:
        return sum(1 for number in session.executors if self._executors[number].state in LIVE)

    def _amounts(self, resources: Resources) -> dict[str, float]:
        amounts = {"cpu": resources.cpu, "memory": resources.memory, "gpu": resources.gpu, **resources.custom}
        return {name: amount for name, amount in amounts.items() if amount}

    def _missing(self, wanted: Resources) -> str:
        """Why no executor with ``wanted`` fits now; empty if one does."""
        capacity = self._amounts(self._capacity)
        for name, amount in self._amounts(wanted).items():
            used = sum(self._amounts(e.resources).get(name, 0) for e in self._executors.values())
            free = capacity.get(name, 0) - used
            if amount > free:
                return f"no executor fits {name}={amount:g}: {free:g} of {capacity.get(name, 0):g} are free"
        return ""

    def _check_feasible(self, event: SessionOpened) -> None:
        capacity = self._amounts(self._capacity)
        for name, amount in self._amounts(event.resources).items():
            if amount > capacity.get(name, 0):
                raise ResourcesUnavailable(
                    f"{name}={amount:g} can never be had: {self._place} has {capacity.get(name, 0):g}; "
                    "ask for less, or point flame.yaml at a cluster that has more",
                    resource=name,
                    wanted=amount,
                    capacity=capacity.get(name, 0),
                )

    def check_invariants(self) -> None:
        """Raise AssertionError if the tables contradict each other; for tests."""
        for session in self._sessions.values():
            assert self._live(session) <= session.maximum, session
            assert all(self._executors[n].session == session.name for n in session.executors), session
        for name in self._amounts(self._capacity):
            used = sum(self._amounts(e.resources).get(name, 0) for e in self._executors.values())
            assert used <= self._amounts(self._capacity)[name], name
