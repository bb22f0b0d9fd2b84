"""Sessions of a Flame cluster as upstream's core client has them: bytes in, bytes out."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from flamepy.errors import EngineError, EngineUnavailable
from flamepy.upstream import conversion
from flamepy.upstream.vocabulary import FlameError, FlameErrorCode, SessionState, Task, TaskState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flamepy.upstream.connection import Connection
    from flamepy.wire.proto import types_pb2

_CODES = {
    "NOT_FOUND": FlameErrorCode.NOT_FOUND,
    "ALREADY_EXISTS": FlameErrorCode.ALREADY_EXISTS,
    "INVALID_ARGUMENT": FlameErrorCode.INVALID_ARGUMENT,
    "FAILED_PRECONDITION": FlameErrorCode.INVALID_STATE,
}


@contextmanager
def upstream_errors(what: str) -> Iterator[None]:
    """Raise our errors as upstream's, which say what failed first."""
    try:
        yield
    except EngineUnavailable as error:
        raise FlameError(FlameErrorCode.INTERNAL, f"failed to {what}: {error}") from error
    except EngineError as error:
        code = _CODES.get(str(error.__dict__.get("code")), FlameErrorCode.INTERNAL)
        details = error.__dict__.get("details") or error
        raise FlameError(code, f"failed to {what}: {details}") from error


class Session:
    """A session as it was when it was asked for; its methods ask anew.

    Attributes:
        connection: Where it is.
        id: Its id.
        application: Whose it is.
        state: Whether it takes tasks.
        creation_time: When it was made.
        completion_time: When it was closed, None if it is open.
        pending: How many tasks wait.
        running: How many run.
        succeed: How many ended well.
        failed: How many did not.
        events: What happened to it.
    """

    def __init__(self, connection: Connection, sent: types_pb2.Session) -> None:
        status = sent.status
        self.connection = connection
        self.id = sent.metadata.id
        self.application = sent.spec.application
        self.state = SessionState(status.state)
        self.creation_time = conversion.when(status.creation_time)
        self.completion_time = conversion.completion(status)
        self.pending, self.running = status.pending, status.running
        self.succeed, self.failed = status.succeed, status.failed
        self.events = conversion.events(status.events)
        self.mutex = threading.Lock()
        self._common_data = sent.spec.common_data if sent.spec.HasField("common_data") else None

    def common_data(self) -> bytes | None:
        """What its tasks have in common."""
        return self._common_data

    def create_task(self, input_data: bytes) -> Task:
        """Submit a task.

        Raises:
            FlameError: The input is not bytes, or the session is closed.
        """
        if not isinstance(input_data, bytes):
            raise FlameError(
                FlameErrorCode.INVALID_ARGUMENT, f"a task's input must be bytes, not {type(input_data).__name__}"
            )
        with upstream_errors("create task"):
            task = conversion.task(self.connection.frontend.create_task(self.id, input_data))
        task.session_id, task.input = self.id, input_data
        return task

    def get_task(self, task_id: str) -> Task:
        """Return one task, with its events.

        Raises:
            FlameError: There is none.
        """
        with upstream_errors("get task"):
            return conversion.task(self.connection.frontend.get_task(self.id, task_id))

    def list_tasks(self) -> TaskIterator:
        """Return an iterator of all tasks."""
        return TaskIterator(self.connection.frontend.list_tasks(self.id), "list tasks")

    def watch_task(self, task_id: str, timeout: float | None = None) -> TaskWatcher:
        """Return an iterator of a task's changes until its end.

        Args:
            task_id: The task.
            timeout: Seconds until the iterator raises TimeoutError.
        """
        return TaskWatcher(self.connection.frontend.watch_task(self.id, task_id, timeout=timeout), timeout)

    def invoke(self, input_data: bytes) -> Any:
        """Run a task and return its output; None if it has none.

        Raises:
            FlameError: It failed.
        """
        return self.run(input_data).result()

    def run(self, input_data: bytes) -> Future[Any]:
        """Submit a task and return a future of its output.

        Raises:
            FlameError: The task was not taken.
        """
        task = self.create_task(input_data)
        future: Future[Any] = Future()
        self.connection.watch(lambda: self._settle(future, task.id))
        return future

    def close(self) -> None:
        """Close the session: what waits is cancelled.

        Raises:
            FlameError: A task runs.
        """
        self.connection.close_session(self.id)

    def _settle(self, future: Future[Any], task_id: str) -> None:
        """Wait for a task's end; a stream that ends without telling is no end."""
        try:
            last = None
            for task in self.watch_task(task_id):
                last = task
                if task.is_completed():
                    break
            if last is None or last.state is not TaskState.SUCCEED:
                last = self.get_task(task_id)  # which knows the error's text, too
            if last.state is TaskState.SUCCEED:
                future.set_result(last.output)
            else:
                future.set_exception(_failure(last))
        except Exception as error:  # noqa: BLE001 - whoever waits for the future is told
            future.set_exception(error)


def _failure(task: Task) -> FlameError:
    texts = [event.message for event in task.events or [] if event.code == TaskState.FAILED and event.message]
    fallback = f"task {task.id} of session {task.session_id} is {task.state.name.lower()}"
    return FlameError(FlameErrorCode.INTERNAL, texts[-1] if texts else fallback)


class TaskIterator:
    """Tasks as they arrive.

    Args:
        stream: Their messages.
        what: What they were asked for.
    """

    def __init__(self, stream: Iterator[types_pb2.Task], what: str) -> None:
        self._stream = stream
        self._what = what

    def __iter__(self) -> TaskIterator:
        return self

    def __next__(self) -> Task:
        """Return the next one.

        Raises:
            FlameError: The cluster refuses, or the connection is lost.
        """
        with upstream_errors(self._what):
            return conversion.task(next(self._stream))


class TaskWatcher(TaskIterator):
    """The changes of a task.

    Args:
        stream: Their messages.
        timeout: Seconds for all of them.
    """

    def __init__(self, stream: Iterator[types_pb2.Task], timeout: float | None = None) -> None:
        super().__init__(stream, "watch task")
        self._timeout = timeout
        self._deadline = None if timeout is None else time.monotonic() + timeout

    def __next__(self) -> Task:
        """Return the next one.

        Raises:
            TimeoutError: It did not come in time.
            FlameError: The cluster refuses, or the connection is lost.
        """
        try:
            return super().__next__()
        except FlameError:
            if self._deadline is not None and time.monotonic() >= self._deadline:
                raise TimeoutError(f"the task did not change within {self._timeout} seconds") from None
            raise
