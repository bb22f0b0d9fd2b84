"""Sessions and tasks under any order of events, with restarts in between."""

# ruff: noqa: PT017 - what may be refused here depends on what was done before

from __future__ import annotations

import itertools

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, precondition, rule

from flamepy.model.lifecycle import TERMINAL_TASK_STATES, SessionState, TaskEvent, TaskState
from flamepy.server.book import NO_MORE_ATTEMPTS, Book
from flamepy.server.records import Need
from flamepy.server.refusals import Refused, Why
from flamepy.server.restoring import restore
from flamepy.server.store import Store
from flamepy.wire.proto import types_pb2 as types

ENDS = st.sampled_from([TaskEvent.SUCCEED, TaskEvent.FAIL, TaskEvent.CANCEL])


class Immediate(Store):
    """A store in memory that is written at once."""

    def __init__(self) -> None:
        super().__init__(":memory:")

    def add(self, statement: str, *values: object) -> None:
        self._base.execute(statement, values)

    def then(self, waiter) -> None:
        waiter(None)


class Books(RuleBasedStateMachine):
    """A book, and what it should hold."""

    sessions = Bundle("sessions")

    def __init__(self) -> None:
        super().__init__()
        self.store = Immediate()
        self.now = 0
        self.book = self.opened()
        self.book.applications.register("app", types.ApplicationSpec(command="x"))
        self.done: dict[tuple[str, int], tuple[object, ...]] = {}
        self.numbers: dict[str, int] = {}

    def opened(self) -> Book:
        return Book(self.store, clock=self.tick, need=Need(1, 2, 3), budget=20)

    def tick(self) -> int:
        self.now += 1
        return self.now

    @rule(target=sessions, name=st.sampled_from(["a", "b", "../c", ""]), priority=st.integers(0, 3))
    def open_session(self, name, priority):
        spec = types.SessionSpec(application="app", priority=priority)
        known = self.book.sessions.get(name)
        try:
            session = self.book.open_session(name, spec)
        except Refused as error:
            assert error.why is Why.INVALID
            assert known.state is SessionState.CLOSED or "priority differs" in str(error)
        else:
            assert session.need == Need(1, 2, 3)
            self.numbers.setdefault(name, 0)
        return name

    @rule(name=sessions, payload=st.none() | st.binary(max_size=5))
    def create_task(self, name, payload):
        if name not in self.book.sessions:
            return
        is_open = self.book.sessions[name].state is SessionState.OPEN
        try:
            task = self.book.create_task(name, payload)
        except Refused as error:
            assert not is_open
            assert str(error) == "Cannot create task in closed session"
        else:
            self.numbers[name] += 1
            assert task.number == self.numbers[name]

    @rule(name=sessions)
    def start_task(self, name):
        session = self.book.sessions.get(name)
        if session is None:
            return
        waiting = [number for number, task in session.tasks.items() if task.state is TaskState.PENDING]
        task = self.book.next_task(session)
        assert (task and task.number) == (min(waiting) if waiting else None), "first in, first out"
        if task is not None:
            self.book.start_task(task, "executor")

    @rule(name=sessions, how=ENDS, output=st.none() | st.binary(max_size=5))
    def end_task(self, name, how, output):
        session = self.book.sessions.get(name)
        running = [task for task in session.tasks.values() if task.state is TaskState.RUNNING] if session else []
        if running:
            self.book.end_task(running[0], how, output if how is TaskEvent.SUCCEED else None, "why")

    @rule(name=sessions)
    def close_session(self, name):
        session = self.book.sessions.get(name)
        if session is None:
            return
        running = session.counts[TaskState.RUNNING]
        try:
            self.book.close_session(name)
        except Refused as error:
            assert running
            assert error.why is Why.INTERNAL
        else:
            assert not session.counts[TaskState.PENDING]

    @rule(name=sessions)
    def delete_session(self, name):
        session = self.book.sessions.get(name)
        if session is not None and session.state is SessionState.CLOSED:
            self.book.delete_session(name)
            self.numbers.pop(name)
            self.done = {key: value for key, value in self.done.items() if key[0] != name}

    @precondition(lambda self: self.book.sessions)
    @rule()
    def restart(self):
        before = self.book
        self.book = self.opened()
        restore(self.book)
        assert list(self.book.sessions) == list(before.sessions)
        for name, session in self.book.sessions.items():
            old = before.sessions[name]
            assert (session.state, session.spec, session.ended) == (old.state, old.spec, old.ended)
            assert list(session.tasks) == list(old.tasks)

    @invariant()
    def the_counters_are_right(self):
        for session in self.book.sessions.values():
            counted = dict.fromkeys(TaskState, 0)
            for task in session.tasks.values():
                counted[task.state] += 1
            assert session.counts == counted
            waiting = {number for number, task in session.tasks.items() if task.state is TaskState.PENDING}
            assert waiting <= set(session.queue)

    @invariant()
    def what_has_ended_stays_as_it_is(self):
        for name, session in self.book.sessions.items():
            for number, task in session.tasks.items():
                if task.state in TERMINAL_TASK_STATES:
                    facts = (task.state, task.message, task.ended, *self.payload(task))
                    assert self.done.setdefault((name, number), facts) == facts

    def payload(self, task):
        """What the task was given and has made, from memory or from the store."""
        if not task.shed:
            return task.input, task.output
        question = "SELECT input, output FROM tasks WHERE session = ? AND number = ?"
        return self.store._base.execute(question, (task.session.id, task.number)).fetchone()

    @invariant()
    def memory_is_bounded(self):
        tasks = [task for session in self.book.sessions.values() for task in session.tasks.values()]
        assert self.book.payloads.held == sum(len(task.input or b"") + len(task.output or b"") for task in tasks) <= 20

    def teardown(self):
        self.store.close()


Books.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestBooks = Books.TestCase


@pytest.fixture
def book():
    store = Immediate()
    made = Book(store, max_sessions=3, retry_limit=2, clock=itertools.count(1).__next__)
    made.applications.register("app", types.ApplicationSpec(command="x"))
    yield made
    store.close()


def spec(**fields) -> types.SessionSpec:
    return types.SessionSpec(application="app", **fields)


def test_openers_must_agree(book):
    book.open_session("s", spec(min_instances=1, max_instances=2, common_data=b"first"))
    same = book.open_session("s", spec(min_instances=1, max_instances=2, common_data=b"second"))
    assert same.spec.common_data == b"first"
    for field, other in {
        "min_instances": spec(min_instances=2, max_instances=2),
        "max_instances": spec(min_instances=1),
        "priority": spec(min_instances=1, max_instances=2, priority=1),
        "resreq": spec(min_instances=1, max_instances=2, resreq=types.ResourceRequirement(cpu=9)),
    }.items():
        with pytest.raises(Refused, match=f"spec mismatch: {field} differs"):
            book.open_session("s", other)


def test_an_unknown_application_has_no_sessions(book):
    with pytest.raises(Refused, match="application nobody not found") as caught:
        book.create_session("s", types.SessionSpec(application="nobody"))
    assert caught.value.why is Why.NOT_FOUND


def test_the_oldest_closed_sessions_are_forgotten(book):
    gone = []
    book.forgotten = gone.append
    for name in "abc":
        book.create_session(name, spec())
    book.close_session("b")
    book.close_session("a")
    book.create_session("d", spec())
    assert gone == ["b"]
    book.create_session("e", spec())
    assert gone == ["b", "a"]
    book.create_session("f", spec())
    assert sorted(book.sessions) == ["c", "d", "e", "f"], "open ones stay"


def test_a_session_that_cannot_be_bound_is_given_up(book):
    session = book.create_session("s", spec())
    book.not_bound(session, 11, "no such file")
    assert not session.exhausted
    book.not_bound(session, 11, "no such file")
    assert session.exhausted
    assert session.events[-1].code == NO_MORE_ATTEMPTS


def test_an_application_with_open_sessions_stays(book):
    book.create_session("s", spec())
    with pytest.raises(Refused, match="has open sessions"):
        book.applications.unregister("app")
    with pytest.raises(Refused, match="has open sessions"):
        book.applications.update("app", types.ApplicationSpec())
    book.close_session("s")
    book.applications.update("app", types.ApplicationSpec(command="y"))
    book.applications.unregister("app")
    with pytest.raises(Refused, match="not found"):
        book.applications.get("app")


@pytest.mark.parametrize("name", ["", ".a", "-a", "a..b", "a/b", "a b", "é", "x" * 254, "a\n"])
def test_bad_names_of_applications(book, name):
    with pytest.raises(Refused, match="invalid application name"):
        book.applications.register(name, types.ApplicationSpec())
