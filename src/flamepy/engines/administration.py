"""What ``flmctl`` and ``flmping`` ask of a cluster beyond looking: applications, sessions without a program, pings."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, NamedTuple, Protocol

from flamepy.model.specs import Resources

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flamepy.model.snapshot import ApplicationRecord


class Administration(Protocol):
    """A cluster, which people other than its programs may change. Refusals are `flamepy.EngineError`."""

    def register(self, application: ApplicationRecord) -> None:
        """Make an application known under a new name."""

    def update(self, application: ApplicationRecord) -> None:
        """Change the application of that name."""

    def unregister(self, name: str) -> None:
        """Forget an application; its sessions must be closed."""

    def create_session(self, application: str, *, priority: int = 0, resources: Resources | None = None) -> str:
        """Open a session that no program owns, and return its id."""

    def upload(self, key: str, archive: BinaryIO, size: int) -> str:
        """Store an application's archive in the object cache, and return the URL that executors fetch it from."""


class PingOrder(NamedTuple):
    """What ``flmping`` is to do.

    Attributes:
        tasks: How many.
        common_data: A text for the service; None for none.
        duration: Milliseconds that each task takes; None for no time.
        memory: Bytes that each task uses; None for none.
        priority: Of the session.
        resources: What each executor needs; None for the cluster's default.
    """

    tasks: int = 10
    common_data: str | None = None
    duration: int | None = None
    memory: int | None = None
    priority: int = 0
    resources: Resources | None = None


class Pinged(NamedTuple):
    """One task of ``flmping``, done."""

    session: str
    id: str
    state: str
    output: str


class Pings(Protocol):
    """A session that was made for pinging."""

    session: str

    def run(self) -> Sequence[Pinged]:
        """Submit all tasks at once, and return when the last one is done, in the order of their numbers."""

    def close(self) -> None:
        """Close the session; idempotent."""
