"""What flamepy needs from an engine: open sessions, submit calls, keep objects, and say what is going on.

A driver implements these protocols and nothing else. Completions are filled in by the driver, on any thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Iterator, Sequence

    from flamepy.completion import Completion
    from flamepy.model.snapshot import EventRecord, Snapshot, TaskRecord
    from flamepy.model.specs import CallOptions, PackageRef, SessionSpec


class Session(Protocol):
    """An open service: its queue, its executors, its state.

    A session pickles to something that offers ``submit`` inside an executor, so that handles travel with tasks.
    """

    id: str
    spec: SessionSpec

    def submit(
        self,
        completion: Completion,
        method: int,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        options: CallOptions | None = None,
    ) -> None:
        """Queue one call; ``completion`` gets its outcome.

        Args:
            completion: Fresh and pending; the driver becomes its source.
            method: Index into ``spec.methods``.
            args: Positional arguments; Completions in them, at any depth, arrive as their values.
            kwargs: Keyword arguments, likewise.
            options: None for ``spec.defaults``.

        Raises:
            SerializationError: An argument cannot be pickled.
            ServiceClosed: The session is closed.
            EngineClosed: The engine is closed.
        """

    def close(self, *, cancel: bool = False) -> None:
        """Take no more calls and release the executors, after the queue is done or at once (``cancel``)."""


class Engine(Protocol):
    """A connected engine."""

    @property
    def cores(self) -> int:
        """Executors that a function has at most unless it is told otherwise."""

    def register(self, package: PackageRef) -> None:
        """Make the package known before the sessions that use it; called once per runner."""

    def unregister(self, package: PackageRef) -> None:
        """Forget the package; its sessions are closed already."""

    def open_session(self, spec: SessionSpec) -> Session:
        """Open a session; its executors may start at once or at the first call."""

    def put(self, completion: Completion, value: object) -> None:
        """Store ``value`` and make it the outcome of ``completion``."""

    def attach(self, loop: AbstractEventLoop | None) -> None:
        """Let an asyncio loop do the reading from now on; None takes it back. Called on the loop's thread."""

    def drain(self, timeout: float | None = None) -> bool:
        """Wait until every submitted task has an outcome; False if ``timeout`` seconds were not enough."""

    def close(self, *, cancel: bool = False) -> None:
        """End everything that this engine started; idempotent. ``cancel`` stops running tasks first."""


class Inspector(Protocol):
    """One engine as ``flmctl`` sees it, from any process of the same user."""

    engine: str

    def snapshot(self, only: str = "") -> Snapshot:
        """What the engine holds now, or held when it ended; with ``only`` its other fields may be empty."""

    def tasks(self, session: str, task: str = "") -> Sequence[TaskRecord]:
        """Return what is known of a session's tasks, or of those whose ids begin with ``task``."""

    def events(self, session: str, task: str = "") -> Sequence[EventRecord]:
        """Return what happened to a session or to one of its tasks, as far as the engine writes it down."""

    def close_session(self, session: str) -> None:
        """Close a session: running tasks are stopped, pending ones cancelled.

        Raises:
            EngineError: No such session, or it is closed already.
        """

    def cancel_task(self, session: str, task: str) -> None:
        """Cancel one task.

        Raises:
            EngineError: No such task, or it is done already.
        """

    def logs(self, session: str, *, follow: bool = False) -> Iterator[str]:
        """Yield the session's log, line by line; with ``follow`` until the session is closed."""
