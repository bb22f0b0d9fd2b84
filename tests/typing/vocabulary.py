"""What mypy and pyright must make of the shared vocabulary; this file is checked, never run."""

from typing_extensions import assert_type

from flamepy.errors import FlameError, WaitTimeout
from flamepy.model.lifecycle import TASK_TRANSITIONS, TaskEvent, TaskState, advance

assert_type(advance(TASK_TRANSITIONS, "task 1", TaskState.PENDING, TaskEvent.DISPATCH), TaskState)

# Facts of an error are attributes; their types are the reader's business.
assert_type(FlameError("no cluster", cluster="prod").cluster, object)


def waits(error: WaitTimeout) -> TimeoutError:
    """An error of ours is the builtin that fits, too."""
    return error
