"""A Flame cluster as ``flmctl`` sees it.

Flame's own protocol has no logs, cancels no task, closes no session under a running one, and lists tasks with all their
data. Our server has a service beside it for that (`flamepy.wire.desk`), which is asked first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flamepy.engines.flame.frontend import Frontend
from flamepy.engines.flame.records import (
    application_record,
    event_records,
    executor_record,
    node_record,
    session_record,
    task_record,
)
from flamepy.errors import EngineError
from flamepy.model.lifecycle import SessionState
from flamepy.model.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flamepy.context import FlameContext
    from flamepy.engines.flame.desk import Desk
    from flamepy.model.snapshot import EventRecord, SessionRecord, TaskRecord


class FlameInspector:
    """A session manager, connected with the first question.

    Args:
        context: Where it is.
        history: Whether tasks of closed sessions are listed too.

    Example:
        >>> from flamepy.context import FlameContext
        >>> FlameInspector(FlameContext(endpoint="http://localhost:8080")).engine
        'http://localhost:8080'
    """

    def __init__(self, context: FlameContext, *, history: bool = True) -> None:
        self.engine = context.endpoint
        self._context = context
        self._history = history
        self._frontend: Frontend | None = None

    @property
    def frontend(self) -> Frontend:
        """The connection."""
        if self._frontend is None:
            self._frontend = Frontend.connect(self._context)
        return self._frontend

    @property
    def _desk(self) -> Desk:
        channel = self.frontend.channel  # says what to install, should gRPC be missing
        from flamepy.engines.flame.desk import Desk

        return Desk(channel)

    def snapshot(self, only: str = "") -> Snapshot:
        """What the cluster holds now, or one kind of it; tasks only if they are asked for, since each is a message.

        Raises:
            EngineUnavailable: Nobody answers.
            EngineError: The cluster refuses.
        """
        at = self.frontend
        wanted = {only} if only else {"applications", "sessions", "executors", "nodes"}
        sessions = [session_record(each) for each in at.list_sessions()] if wanted & {"sessions", "tasks"} else []
        return Snapshot(
            engine=self.engine,
            endpoint=self.engine,
            pid=0,
            live=True,
            created=0.0,
            applications=tuple(map(application_record, at.list_applications())) if "applications" in wanted else (),
            sessions=tuple(sessions),
            tasks=tuple(self._all_tasks(sessions)) if "tasks" in wanted else (),
            executors=tuple(map(executor_record, at.list_executors())) if "executors" in wanted else (),
            nodes=tuple(map(node_record, at.list_nodes())) if "nodes" in wanted else (),
        )

    def tasks(self, session: str, task: str = "") -> list[TaskRecord]:
        """Return a session's tasks, or the one with that id, which then has its message; else those that begin so.

        Raises:
            EngineUnavailable: Nobody answers.
            EngineError: The cluster refuses.
        """
        if task:
            try:
                return [task_record(self.frontend.get_task(session, task))]
            except EngineError as error:
                if getattr(error, "code", "") not in ("NOT_FOUND", "INVALID_ARGUMENT"):
                    raise
        found = self._desk.tasks(session)
        if found is None:
            found = [task_record(each) for each in self.frontend.list_tasks(session)]
        return sorted((each for each in found if each.id.startswith(task)), key=_number)

    def events(self, session: str, task: str = "") -> list[EventRecord]:
        """Return what happened to a session or to one of its tasks.

        Raises:
            EngineUnavailable: Nobody answers.
            EngineError: There is no such session or task.
        """
        at = self.frontend
        found = at.get_task(session, task).status if task else at.get_session(session).status
        return event_records(found.events)

    def close_session(self, session: str) -> None:
        """Close a session: running tasks are stopped where the server can do that, pending ones cancelled.

        Raises:
            EngineUnavailable: Nobody answers.
            EngineError: A task of it runs, which Flame does not stop; or it is closed already.
        """
        if self._desk.close_session(session):
            return
        if self.frontend.get_session(session).status.state == _CLOSED:
            raise EngineError(f"session {session} is closed already")
        try:
            self.frontend.close_session(session)
        except EngineError as error:
            if "running task" not in str(error):
                raise
            raise EngineError(
                f"session {session} has a running task, and Flame closes no session under one: try again when it is "
                f"done ('flmctl list -t --in {session}' shows it)"
            ) from error

    def cancel_task(self, session: str, task: str) -> None:
        """Cancel one task, which only our server can.

        Raises:
            EngineUnavailable: Nobody answers.
            EngineError: There is none, it is done already, or the cluster cannot do that.
        """
        if not self._desk.cancel_task(session, task):
            raise EngineError(
                f"task {task} cannot be cancelled: Flame's protocol has no way to say so, and this cluster is no "
                f"flamepy server. 'flmctl close {session}' cancels what is pending"
            )

    def logs(self, session: str, *, follow: bool = False) -> Iterator[str]:
        """Yield a session's log, which only our server has; with ``follow`` an empty string means to ask again later.

        Raises:
            EngineUnavailable: Nobody answers.
            EngineError: There is no such session, or the cluster cannot do that.
        """
        lines = self._desk.log(session, follow=follow)
        if lines is None:
            raise EngineError(
                f"the log of session {session} cannot be fetched: Flame's protocol has no way to ask for it, and this "
                "cluster is no flamepy server. It lies on the nodes where the executors ran"
            )
        return lines

    def _all_tasks(self, sessions: list[SessionRecord]) -> Iterator[TaskRecord]:
        for session in sessions:
            if self._history or session.state == SessionState.OPEN.value:
                yield from self.tasks(session.id)


_CLOSED = 1


def _number(task: TaskRecord) -> tuple[int, str]:
    return (int(task.id) if task.id.isdecimal() else 0, task.id)
