"""What the page needs of a server; whoever serves it hands one of these in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from flamepy.model.snapshot import EventRecord, LogPart, Snapshot, TaskPage, TaskRecord


class Source(Protocol):
    """A server as the page sees it. All of it is called on the server's event loop and must not block it.

    Whatever is not there, or cannot be done, raises `flamepy.EngineError` with a sentence for people.
    """

    async def snapshot(self) -> Snapshot:
        """Everything but tasks: applications, sessions, executors, nodes."""

    async def tasks(self, session: str, *, states: Collection[str] = (), offset: int = 0, limit: int = 100) -> TaskPage:
        """Return some tasks of a session, the newest first.

        Args:
            session: Its id.
            states: Only those in one of these states; empty for all.
            offset: How many to skip.
            limit: How many at most.
        """

    async def task(self, session: str, task: str) -> TaskRecord:
        """Return one task; its message holds the whole traceback."""

    async def events(self, session: str, task: str | None = None) -> Sequence[EventRecord]:
        """Return what happened to a session, or to one of its tasks, the oldest first."""

    async def log(self, session: str, task: str | None = None, *, start: int = 0) -> LogPart:
        """Return what a session's tasks printed, or one of them where that is known.

        Args:
            session: Its id.
            task: Only of this one.
            start: `LogPart.next` of the part before; negative: so many bytes before the end.
        """

    async def close_session(self, session: str) -> None:
        """Close a session: running tasks are stopped, pending ones cancelled."""

    async def cancel_task(self, session: str, task: str) -> None:
        """Cancel one task."""
