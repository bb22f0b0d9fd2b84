"""Upstream's constants, states, attributes and its error."""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from flamepy import errors

if TYPE_CHECKING:
    from datetime import datetime

TaskID = str
SessionID = str
ApplicationID = str
Message = bytes
TaskInput = Message
TaskOutput = Message
CommonData = Message

DEFAULT_FLAME_CONF = "flame.yaml"
DEFAULT_FLAME_ENDPOINT = "http://127.0.0.1:8080"
DEFAULT_FLAME_CACHE_ENDPOINT = "grpc://127.0.0.1:9090"
DEFAULT_FLAME_RUNNER_TEMPLATE = "flmrun"

_ALPHABET = string.ascii_letters + string.digits
_UNITS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}


class SessionState(IntEnum):
    """Whether a session takes tasks."""

    OPEN = 0
    CLOSED = 1


class TaskState(IntEnum):
    """How far a task is; upstream has no name for ``CANCELLED``, which its server sends."""

    PENDING = 0
    RUNNING = 1
    SUCCEED = 2
    FAILED = 3
    CANCELLED = 4


class ApplicationState(IntEnum):
    """Whether an application may be used."""

    ENABLED = 0
    DISABLED = 1


class Shim(IntEnum):
    """What runs an application."""

    HOST = 0
    WASM = 1


class FlameErrorCode(IntEnum):
    """The kinds of upstream's error."""

    INVALID_CONFIG = 0
    INVALID_STATE = 1
    INVALID_ARGUMENT = 2
    INTERNAL = 3
    ALREADY_EXISTS = 4
    NOT_FOUND = 5


class FlameError(errors.FlameError):
    """Upstream's error; one of ours, too.

    Args:
        code: Its kind.
        message: What happened.

    Attributes:
        code: Its kind.
        message: What happened.
    """

    def __init__(self, code: FlameErrorCode, message: str) -> None:
        super().__init__(f"{message} (code: {int(code)})")
        self.code = code
        self.message = message

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.code, self.message)


@dataclass
class Event:
    """Something that happened to a task or session; for tasks, ``code`` is a `TaskState`."""

    code: int
    message: str | None = None
    creation_time: datetime | None = None


@dataclass
class ResourceRequirement:
    """What one executor needs; memory in bytes."""

    cpu: int = 0
    memory: int = 0
    gpu: int = 0

    @classmethod
    def from_string(cls, text: str) -> ResourceRequirement:
        """Read ``cpu=1,mem=2g,gpu=0``.

        Raises:
            ValueError: It is not of that form.

        Example:
            >>> ResourceRequirement.from_string("cpu=1,mem=2Ki")
            ResourceRequirement(cpu=1, memory=2048, gpu=0)
        """
        amounts: dict[str, int] = {}
        for part in text.split(","):
            name, separator, value = (each.strip() for each in part.partition("="))
            name = {"mem": "memory"}.get(name.lower(), name.lower())
            if not separator or not value or name not in {"cpu", "memory", "gpu"}:
                raise ValueError(f"{part.strip()!r} in {text!r} is not cpu=N, mem=SIZE or gpu=N")
            amounts[name] = cls._parse_memory(value) if name == "memory" else int(value)
        return cls(**amounts)

    @staticmethod
    def _parse_memory(text: str) -> int:
        number = text.strip().lower().removesuffix("b").removesuffix("i")
        digits = number.rstrip("kmgtp")
        return int(int(digits or 0) * 1024 ** _UNITS[number[len(digits) :]])


@dataclass
class SessionAttributes:
    """A session to be; ``batch_size`` is for clusters of release 0.6.0."""

    application: str
    id: str | None = None
    common_data: Any = None
    min_instances: int = 0
    max_instances: int | None = None
    batch_size: int = 1
    resreq: ResourceRequirement | None = None


@dataclass
class ApplicationSchema:
    """JSON schemas of an application's data, as texts."""

    input: str | None = None
    output: str | None = None
    common_data: str | None = None


@dataclass
class ApplicationAttributes:
    """An application to be; ``delay_release`` in seconds."""

    shim: Shim | None = None
    image: str | None = None
    description: str | None = None
    labels: list[str] | None = None
    command: str | None = None
    arguments: list[str] | None = None
    environments: dict[str, str] | None = None
    working_directory: str | None = None
    max_instances: int | None = None
    delay_release: int | None = None
    schema: ApplicationSchema | None = None
    url: str | None = None
    installer: str | None = None


@dataclass
class Task:
    """A task as it was when it was asked for."""

    id: TaskID
    session_id: SessionID
    state: TaskState
    creation_time: datetime
    input: Any = None
    output: Any = None
    completion_time: datetime | None = None
    events: list[Event] | None = None

    def is_completed(self) -> bool:
        """Whether it has come to an end, good or bad."""
        return self.state >= TaskState.SUCCEED

    def is_failed(self) -> bool:
        """Whether it came to a bad end."""
        return self.state > TaskState.SUCCEED


@dataclass
class Application:
    """An application as it was when it was asked for."""

    id: ApplicationID
    name: str
    state: ApplicationState
    creation_time: datetime
    shim: Shim | None = None
    image: str | None = None
    description: str | None = None
    labels: list[str] | None = None
    command: str | None = None
    arguments: list[str] | None = None
    environments: dict[str, str] | None = None
    working_directory: str | None = None
    max_instances: int | None = None
    delay_release: int | None = None
    schema: ApplicationSchema | None = None
    url: str | None = None
    installer: str | None = None


@dataclass
class FlameContextRunner:
    """Which application runners copy."""

    template: str | None = None


class TaskInformer:
    """Base of what wants to hear of tasks."""

    def on_update(self, task: Task) -> None:
        """Hear that a task has changed."""

    def on_error(self, error: FlameError) -> None:
        """Hear that watching has failed."""


def short_name(prefix: str, length: int = 6) -> str:
    """Return a name that is new: the prefix, a dash, and so many random letters and digits."""
    return f"{prefix}-{''.join(secrets.choice(_ALPHABET) for _ in range(length))}"
