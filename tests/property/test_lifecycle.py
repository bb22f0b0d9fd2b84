"""Every walk along the arrows ends where the tables say, and nowhere else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flamepy.errors import InternalError
from flamepy.model import lifecycle
from flamepy.model.lifecycle import (
    ExecutorEvent,
    ExecutorState,
    SessionEvent,
    SessionState,
    TaskEvent,
    TaskState,
    advance,
)

TABLES = [
    (lifecycle.SESSION_TRANSITIONS, SessionState.OPEN, SessionEvent, {SessionState.CLOSED}),
    (lifecycle.TASK_TRANSITIONS, TaskState.PENDING, TaskEvent, set(lifecycle.TERMINAL_TASK_STATES)),
    (lifecycle.EXECUTOR_TRANSITIONS, ExecutorState.VOID, ExecutorEvent, {ExecutorState.RELEASED}),
]


@given(table=st.sampled_from(TABLES), data=st.data())
def test_random_walks(table, data):
    transitions, state, kinds, terminal = table
    for event in data.draw(st.lists(st.sampled_from(list(kinds)), max_size=30)):
        if (state, event) in transitions:
            assert state not in terminal
            state = advance(transitions, "it", state, event)
        else:
            with pytest.raises(InternalError, match=f"it is {state.value} and cannot take '{event.value}'"):
                advance(transitions, "it", state, event)


@given(st.lists(st.sampled_from([TaskEvent.DISPATCH, TaskEvent.RETRY]), max_size=20))
def test_a_task_can_be_tried_again_for_ever(events):
    state = TaskState.PENDING
    for event in events:
        if (state, event) in lifecycle.TASK_TRANSITIONS:
            state = advance(lifecycle.TASK_TRANSITIONS, "task", state, event)
    assert state in (TaskState.PENDING, TaskState.RUNNING)


@pytest.mark.parametrize("state", list(ExecutorState)[:-1])
def test_a_process_can_end_in_any_state(state):
    assert advance(lifecycle.EXECUTOR_TRANSITIONS, "it", state, ExecutorEvent.ENDED) is ExecutorState.RELEASED
