"""The kinds of things that ``flmctl`` lists, and their columns.

The columns are a promise: new ones are ``wide``, old ones keep their heading and their place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flamepy.cli.cells import clock, first_line, memory, number

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of a table.

    Attributes:
        heading: Its first row.
        cell: What it shows of a record.
        wide: Only shown by ``-o wide``.
        dispensable: Left out where a terminal is too narrow, the highest first; 0 stays.
        elastic: Cut where a terminal is too narrow.
    """

    heading: str
    cell: Callable[[Any], str]
    wide: bool = False
    dispensable: int = 0
    elastic: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of thing.

    Attributes:
        noun: What one of them is called; the long flag of ``flmctl list``.
        flag: The short flag.
        plural: What several are called; the field of a Snapshot.
        key: The field that names one.
        columns: Left to right.
    """

    noun: str
    flag: str
    plural: str
    key: str
    columns: tuple[Column, ...]

    def name(self, record: Any) -> str:
        """The name or id of a record."""
        return str(getattr(record, self.key))


def _text(field: str, *, absent: str = "-") -> Callable[[Any], str]:
    return lambda record: str(getattr(record, field)) or absent


def _time(field: str) -> Callable[[Any], str]:
    return lambda record: clock(getattr(record, field))


APPLICATION = Kind(
    noun="application",
    flag="-a",
    plural="applications",
    key="name",
    columns=(
        Column(heading="Name", cell=_text("name")),
        Column(heading="State", cell=_text("state")),
        Column(heading="Tags", cell=lambda record: ", ".join(record.tags)),
        Column(heading="Created", cell=_time("created")),
        Column(heading="Shim", cell=_text("shim")),
        Column(heading="Command", cell=_text("command"), elastic=True),
        Column(heading="Max", cell=_text("max_instances"), wide=True),
        Column(heading="Description", cell=_text("description"), wide=True),
    ),
)

SESSION = Kind(
    noun="session",
    flag="-s",
    plural="sessions",
    key="id",
    columns=(
        Column(heading="ID", cell=_text("id")),
        Column(heading="State", cell=_text("state")),
        Column(heading="App", cell=_text("application")),
        Column(heading="Resources", cell=_text("resources"), dispensable=2),
        Column(heading="Priority", cell=_text("priority"), dispensable=3),
        Column(heading="Pending", cell=_text("pending")),
        Column(heading="Running", cell=_text("running")),
        Column(heading="Succeed", cell=_text("succeed")),
        Column(heading="Failed", cell=_text("failed")),
        Column(heading="Created", cell=_time("created"), dispensable=1),
        Column(heading="Name", cell=_text("name"), wide=True),
        Column(heading="Runner", cell=_text("runner"), wide=True),
        Column(heading="Cancelled", cell=_text("cancelled"), wide=True),
        Column(heading="Ended", cell=_time("ended"), wide=True),
        Column(heading="Reason", cell=_text("reason"), wide=True),
    ),
)

TASK = Kind(
    noun="task",
    flag="-t",
    plural="tasks",
    key="id",
    columns=(
        Column(heading="ID", cell=_text("id")),
        Column(heading="Session", cell=_text("session")),
        Column(heading="State", cell=_text("state")),
        Column(heading="Method", cell=_text("method"), elastic=True),
        Column(heading="Executor", cell=_text("executor")),
        Column(heading="Created", cell=_time("created")),
        Column(heading="Ended", cell=_time("ended"), wide=True),
        Column(heading="Message", cell=lambda record: first_line(record.message) or "-", wide=True),
    ),
)

EXECUTOR = Kind(
    noun="executor",
    flag="-e",
    plural="executors",
    key="id",
    columns=(
        Column(heading="ID", cell=_text("id")),
        Column(heading="State", cell=_text("state")),
        Column(heading="Session", cell=_text("session")),
        Column(heading="Node", cell=_text("node"), elastic=True),
        Column(heading="PID", cell=lambda record: str(record.pid or "-"), wide=True),
        Column(heading="Created", cell=_time("created"), wide=True),
    ),
)

NODE = Kind(
    noun="node",
    flag="-n",
    plural="nodes",
    key="name",
    columns=(
        Column(heading="NAME", cell=_text("name")),
        Column(heading="HOSTNAME", cell=_text("hostname"), elastic=True),
        Column(heading="STATUS", cell=_text("state")),
        Column(heading="CPU", cell=lambda record: number(record.cpu)),
        Column(heading="MEMORY", cell=lambda record: memory(record.memory)),
        Column(heading="ARCH", cell=_text("arch")),
        Column(heading="OS", cell=_text("os")),
        Column(heading="GPU", cell=_text("gpu"), wide=True),
    ),
)

PACKAGE = Kind(
    noun="package",
    flag="-p",
    plural="packages",
    key="name",
    columns=(
        Column(heading="Name", cell=_text("name")),
        Column(heading="State", cell=_text("state")),
        Column(heading="Size", cell=lambda record: memory(record.size)),
        Column(heading="Created", cell=_time("created")),
        Column(heading="URL", cell=_text("url"), elastic=True),
        Column(heading="SHA256", cell=_text("sha256"), wide=True),
        Column(heading="Runner", cell=_text("runner"), wide=True),
    ),
)

KINDS = (APPLICATION, SESSION, TASK, EXECUTOR, NODE, PACKAGE)
