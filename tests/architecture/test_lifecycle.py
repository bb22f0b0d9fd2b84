"""The state tables are sound, and the page that shows them shows these."""

from __future__ import annotations

import os
from enum import Enum

import pytest

from architecture import source
from flamepy.errors import InternalError
from flamepy.model import lifecycle
from flamepy.model.lifecycle import ExecutorEvent, ExecutorState, SessionEvent, SessionState, TaskEvent, TaskState

PAGE = source.ROOT / "docs" / "design" / "lifecycle.md"

SUBJECTS = {
    "Session": (SessionState, SessionEvent, lifecycle.SESSION_TRANSITIONS, {SessionState.CLOSED}),
    "Task": (TaskState, TaskEvent, lifecycle.TASK_TRANSITIONS, lifecycle.TERMINAL_TASK_STATES),
    "Executor": (ExecutorState, ExecutorEvent, lifecycle.EXECUTOR_TRANSITIONS, {ExecutorState.RELEASED}),
}

subjects = pytest.mark.parametrize("subject", SUBJECTS)


@subjects
def test_every_state_is_reachable(subject):
    states, _, table, _ = SUBJECTS[subject]
    reached, frontier = set(), {next(iter(states))}
    while frontier:
        reached |= frontier
        frontier = {after for (before, _), after in table.items() if before in reached} - reached
    assert reached == set(states)


@subjects
def test_terminal_states_are_those_without_an_exit(subject):
    states, _, table, terminal = SUBJECTS[subject]
    assert set(states) - {before for before, _ in table} == set(terminal)


@subjects
def test_a_terminal_state_can_be_reached_from_everywhere(subject):
    states, _, table, terminal = SUBJECTS[subject]
    ending = set(terminal)
    while more := {before for (before, _), after in table.items() if after in ending} - ending:
        ending |= more
    assert ending == set(states)


@subjects
def test_every_event_is_used(subject):
    _, events, table, _ = SUBJECTS[subject]
    assert {event for _, event in table} == set(events)


@subjects
def test_an_arrow_that_is_not_in_the_table_is_our_bug(subject):
    states, events, table, _ = SUBJECTS[subject]
    for state in states:
        for event in events:
            if (state, event) not in table:
                with pytest.raises(InternalError, match=f"it 7 is {state.value} and cannot take '{event.value}'"):
                    lifecycle.advance(table, "it 7", state, event)


def test_the_page_shows_the_tables():
    page = render()
    if os.environ.get("FLAMEPY_WRITE_DOCS"):
        PAGE.write_text(page)
    assert PAGE.read_text() == page, "run this test with FLAMEPY_WRITE_DOCS=1 to write the page anew"


def render() -> str:
    """The page docs/design/lifecycle.md."""
    parts = [
        "# Life cycles\n",
        "This page is written from the tables in `flamepy.model.lifecycle`, the one place where a state may change;",
        "a test compares the two. The names of the states are Flame's, so `flmctl` shows the same words on every",
        "engine. An arrow that is not here is a bug of flamepy and raises `InternalError`.\n",
    ]
    for subject, (states, events, table, terminal) in SUBJECTS.items():
        parts += [f"## {subject}\n", *diagram(states, table, terminal), "", *matrix(states, events, table), ""]
    return "\n".join(parts).rstrip() + "\n"


def diagram(states: type[Enum], table: dict, terminal: set) -> list[str]:
    """The states and arrows as a Mermaid diagram."""
    arrows = [f"    {before.value} --> {after.value}: {event.value}" for (before, event), after in table.items()]
    ends = [f"    {state.value} --> [*]" for state in states if state in terminal]
    return ["```mermaid", "stateDiagram-v2", f"    [*] --> {next(iter(states)).value}", *arrows, *ends, "```"]


def matrix(states: type[Enum], events: type[Enum], table: dict) -> list[str]:
    """The table: one row a state, one column an event."""
    names = [event.value for event in events]
    rows = [
        [state.value, *(after.value if (after := table.get((state, event))) else "·" for event in events)]
        for state in states
    ]
    return [f"| {' | '.join(row)} |" for row in (["", *names], ["---"] * (len(names) + 1), *rows)]
