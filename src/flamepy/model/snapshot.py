"""What an engine says of itself to ``flmctl``: plain records, the same for every engine.

Times are seconds since the epoch, memory is in bytes. States are the words of `flamepy.model.lifecycle`.
"""

from __future__ import annotations

from flamepy.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class ApplicationRecord(Record):
    """One row of ``flmctl list -a``."""

    name: str
    state: str = "Enabled"
    tags: tuple[str, ...] = ()
    created: float = 0.0
    shim: str = "Host"
    command: str = ""
    description: str = ""
    arguments: tuple[str, ...] = ()
    environments: tuple[tuple[str, str], ...] = ()
    working_directory: str = ""
    max_instances: int = 1_000_000
    delay_release: float = 60
    url: str = ""
    installer: str = ""
    image: str = ""
    schema: tuple[tuple[str, str], ...] = ()
    """JSON Schemas, as text, of ``input``, ``output`` and ``common_data``."""


class SessionRecord(Record):
    """One row of ``flmctl list -s``."""

    id: str
    name: str
    state: str
    application: str
    resources: str
    priority: int = 0
    pending: int = 0
    running: int = 0
    succeed: int = 0
    failed: int = 0
    cancelled: int = 0
    created: float = 0.0
    ended: float | None = None
    runner: str = ""
    reason: str = ""
    """Why its tasks wait, in a sentence; empty when nothing waits."""
    log_path: str = ""


class TaskRecord(Record):
    """One row of ``flmctl list -t``."""

    id: str
    session: str
    method: str
    state: str
    executor: str = ""
    created: float | None = None
    ended: float | None = None
    message: str = ""
    started: float | None = None


class EventRecord(Record):
    """Something that happened to a session or a task, as Flame writes it down.

    Codes of tasks are the numbers of their states; a session has 1001 for an executor that could not be bound, 1002
    for no more attempts.
    """

    code: int
    message: str
    created: float


class ExecutorRecord(Record):
    """One row of ``flmctl list -e``."""

    id: str
    state: str
    session: str = ""
    node: str = ""
    pid: int = 0
    created: float = 0.0


class NodeRecord(Record):
    """One row of ``flmctl list -n``."""

    name: str
    hostname: str
    state: str = "Ready"
    cpu: float = 0
    memory: int = 0
    gpu: int = 0
    arch: str = ""
    os: str = ""


class PackageRecord(Record):
    """One row of ``flmctl list -p``."""

    name: str
    url: str
    size: int
    sha256: str
    created: float
    runner: str = ""
    state: str = "Uploaded"


class TaskPage(Record):
    """Some of a session's tasks.

    Attributes:
        total: How many there are of those asked for.
        tasks: The part asked for, the newest first.
    """

    total: int
    tasks: Sequence[TaskRecord]


class LogPart(Record):
    """Some of a log.

    Attributes:
        lines: Whole lines.
        next: Where the next part starts, in bytes of the log.
    """

    lines: Sequence[str]
    next: int


class Snapshot(Record):
    """All that one engine shows, at one moment."""

    engine: str
    """Its id."""
    endpoint: str
    pid: int
    live: bool
    created: float
    applications: tuple[ApplicationRecord, ...] = ()
    sessions: tuple[SessionRecord, ...] = ()
    tasks: tuple[TaskRecord, ...] = ()
    executors: tuple[ExecutorRecord, ...] = ()
    nodes: tuple[NodeRecord, ...] = ()
    packages: tuple[PackageRecord, ...] = ()
