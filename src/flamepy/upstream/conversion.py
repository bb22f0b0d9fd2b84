"""Messages of flame.v1 to upstream's values, and back."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from flamepy.upstream import vocabulary as words

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flamepy.wire.proto import types_pb2

_OPTIONAL = (
    "image",
    "description",
    "command",
    "working_directory",
    "max_instances",
    "delay_release",
    "url",
    "installer",
)
_SCHEMAS = ("input", "output", "common_data")


def when(milliseconds: int) -> datetime:
    """Return a moment of the protocol."""
    return datetime.fromtimestamp(milliseconds / 1000, tz=timezone.utc)


def completion(status: types_pb2.SessionStatus | types_pb2.TaskStatus) -> datetime | None:
    """Return when a session or task ended; None if it has not."""
    return when(status.completion_time) if status.HasField("completion_time") else None


def events(sent: Iterable[types_pb2.Event]) -> list[words.Event]:
    """Return what happened to a session or task."""
    return [words.Event(each.code, each.message, when(each.creation_time)) for each in sent]


def task(sent: types_pb2.Task) -> words.Task:
    """Return a task."""
    spec, status = sent.spec, sent.status
    return words.Task(
        id=sent.metadata.id,
        session_id=spec.session_id,
        state=words.TaskState(status.state),
        creation_time=when(status.creation_time),
        input=spec.input if spec.HasField("input") else None,
        output=spec.output if spec.HasField("output") else None,
        completion_time=completion(status),
        events=events(status.events),
    )


def application(sent: types_pb2.Application) -> words.Application:
    """Return an application."""
    spec: Any = sent.spec
    values = {name: getattr(spec, name) if spec.HasField(name) else None for name in _OPTIONAL}
    return words.Application(
        id=sent.metadata.id,
        name=sent.metadata.name,
        state=words.ApplicationState(sent.status.state),
        creation_time=when(sent.status.creation_time),
        shim=words.Shim(spec.shim),
        labels=list(spec.labels),
        arguments=list(spec.arguments),
        environments={each.name: each.value for each in spec.environments},
        schema=_schema(spec.schema) if spec.HasField("schema") else None,
        **values,
    )


def _schema(sent: Any) -> words.ApplicationSchema:
    return words.ApplicationSchema(**{name: getattr(sent, name) if sent.HasField(name) else None for name in _SCHEMAS})


def application_spec(given: words.ApplicationAttributes) -> types_pb2.ApplicationSpec:
    """Describe an application to be."""
    from flamepy.wire.proto import types_pb2 as types

    values: dict[str, Any] = {name: getattr(given, name) for name in _OPTIONAL}
    spec = types.ApplicationSpec(
        shim=types.Shim.Name(int(given.shim or 0)),
        labels=given.labels or [],
        arguments=given.arguments or [],
        **{name: value for name, value in values.items() if value is not None},
    )
    for name, value in (given.environments or {}).items():
        spec.environments.add(name=name, value=value)
    schemas = {
        name: text for name in _SCHEMAS if given.schema and (text := (getattr(given.schema, name) or "").strip())
    }
    if schemas:
        spec.schema.CopyFrom(types.ApplicationSchema(**schemas))
    return spec


def session_spec(given: words.SessionAttributes) -> types_pb2.SessionSpec:
    """Describe a session to be.

    Raises:
        FlameError: The common data is not bytes.
    """
    from flamepy.wire.proto import types_pb2 as types

    if not isinstance(given.common_data, bytes | None):
        raise words.FlameError(words.FlameErrorCode.INVALID_ARGUMENT, "common_data must be bytes")
    spec = types.SessionSpec(
        application=given.application,
        common_data=given.common_data,
        min_instances=given.min_instances,
        max_instances=given.max_instances,
        batch_size=given.batch_size,
    )
    if given.resreq is not None:
        spec.resreq.CopyFrom(
            types.ResourceRequirement(cpu=given.resreq.cpu, memory=given.resreq.memory, gpu=given.resreq.gpu)
        )
    return spec
