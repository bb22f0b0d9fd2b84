"""Whatever happens in whatever order, the scheduling core keeps its promises."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from flamepy.errors import ResourcesUnavailable
from flamepy.model.lifecycle import ExecutorState
from flamepy.model.specs import Resources
from flamepy.scheduling import events
from flamepy.scheduling.cluster import Cluster

CPU, MEMORY, LICENCES = 8, 16, 3

amounts = st.builds(
    Resources,
    cpu=st.sampled_from([0, 0, 0.5, 1, 3, 8]),
    memory=st.sampled_from([0, 0, 4, 16]),
    custom=st.sampled_from([{}, {}, {"licence": 1}]),
)


class Engine(RuleBasedStateMachine):
    """Plays an engine: reports what it is told to do, late, in any order, or not at all."""

    sessions = Bundle("sessions")

    def __init__(self) -> None:
        super().__init__()
        self.cluster = Cluster(Resources(cpu=CPU, memory=MEMORY, custom={"licence": LICENCES}))
        self.limits: dict[str, tuple[int, int]] = {}
        self.needs: dict[str, Resources] = {}
        self.started: dict[int, str] = {}
        self.released: set[int] = set()
        self.held: dict[str, str] = {}
        self.count = 0

    def tell(self, event: events.Event) -> None:
        for command in self.cluster.handle(event):
            if isinstance(command, events.StartExecutor):
                assert command.executor not in self.started, "a number is used once"
                assert command.session in self.limits, "nothing starts for a closed session"
                self.started[command.executor] = command.session
                self.held.pop(command.session, None)
            elif isinstance(command, events.ReleaseExecutor):
                assert command.executor in self.started
                assert command.executor not in self.released, "nothing is released twice"
                self.released.add(command.executor)
            else:
                assert command.reason
                self.held[command.session] = command.reason

    def live(self, session: str) -> int:
        return sum(1 for number, owner in self.started.items() if owner == session and number not in self.released)

    @rule(target=sessions, least=st.integers(0, 3), more=st.integers(0, 4), eager=st.integers(0, 2), needs=amounts)
    def open(self, least: int, more: int, eager: int, needs: Resources) -> str:
        self.count += 1
        name, most = f"s{self.count}", max(1, least + more)
        self.limits[name], self.needs[name] = (least, most), needs
        self.tell(events.SessionOpened(name, least, most, needs, min(eager, most)))
        return name

    @rule(needs=st.builds(Resources, cpu=st.just(CPU + 1)) | st.builds(Resources, custom=st.just({"moon": 1})))
    def ask_for_the_impossible(self, needs: Resources) -> None:
        with pytest.raises(ResourcesUnavailable):
            self.cluster.handle(events.SessionOpened("never", 1, 1, needs))

    @rule(session=consumes(sessions))
    def close(self, session: str) -> None:
        del self.limits[session]
        self.held.pop(session, None)
        self.tell(events.SessionClosed(session))
        assert self.live(session) == 0

    @rule(session=sessions, wanted=st.integers(0, 10))
    def backlog(self, session: str, wanted: int) -> None:
        before = self.live(session)
        self.tell(events.Backlog(session, wanted))
        least, most = self.limits[session]
        assert self.live(session) >= min(most, max(least, wanted), before) or self.held[session]

    @rule(wanted=st.integers(0, 5))
    def late_news_of_a_closed_session(self, wanted: int) -> None:
        assert self.cluster.handle(events.Backlog("closed long ago", wanted)) == []

    @rule(data=st.data(), kind=st.sampled_from(["started", "ready", "ended", "idle", "failed", "again"]))
    def news_of_an_executor(self, data: st.DataObject, kind: str) -> None:
        if not self.started:
            return
        number = data.draw(st.sampled_from(sorted(self.started)))
        if kind == "started":
            self.tell(events.ExecutorStarted(number))
        elif kind == "ready":
            self.tell(events.ExecutorStarted(number))
            self.tell(events.ExecutorReady(number))
        elif kind == "idle":
            self.tell(events.ExecutorIdle(number))
        elif kind == "again":
            self.tell(events.ExecutorReady(number))
        else:
            # Taken out first: its number may not come back in the commands.
            session = self.started.pop(number)
            self.released.discard(number)
            event = events.ExecutorEnded(number) if kind == "ended" else events.StartFailed(number)
            self.tell(event)
            assert self.cluster.state_of(number) is ExecutorState.RELEASED
            assert self.cluster.handle(event) == [], "the same end twice is no news"
            assert session

    @invariant()
    def tables_agree(self) -> None:
        self.cluster.check_invariants()

    @invariant()
    def limits_hold(self) -> None:
        for session, (_, most) in self.limits.items():
            assert self.live(session) <= most

    @invariant()
    def nothing_is_given_out_twice(self) -> None:
        needs = [self.needs[session] for session in self.started.values()]
        assert sum(each.cpu for each in needs) <= CPU
        assert sum(each.memory for each in needs) <= MEMORY
        assert sum(each.custom.get("licence", 0) for each in needs) <= LICENCES

    @invariant()
    def who_has_too_little_is_told_why(self) -> None:
        for session, (least, _) in self.limits.items():
            if self.live(session) < least and self.needs[session] == Resources():
                # Only a start that failed can be the reason where nothing is counted.
                assert session not in self.held


Engine.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestEngine = Engine.TestCase
