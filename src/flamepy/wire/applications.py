"""An application's specification on the wire, and as people see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flamepy.model.snapshot import ApplicationRecord

if TYPE_CHECKING:
    from flamepy.wire.proto import types_pb2 as types

_SHIMS = ("Host", "Wasm")
_SCHEMAS = ("input", "output", "common_data")


def record_of(name: str, spec: types.ApplicationSpec, *, created: float, state: str = "Enabled") -> ApplicationRecord:
    """Return what is shown of an application.

    Args:
        name: Its name.
        spec: Its specification.
        created: When it was registered, in seconds since the epoch.
        state: Its state in words.
    """
    return ApplicationRecord(
        name=name,
        state=state,
        tags=tuple(spec.labels),
        created=created,
        shim=_SHIMS[spec.shim] if 0 <= spec.shim < len(_SHIMS) else str(spec.shim),  # a newer cluster may have more
        command=spec.command,
        description=spec.description,
        arguments=tuple(spec.arguments),
        environments=tuple((each.name, each.value) for each in spec.environments),
        working_directory=spec.working_directory,
        max_instances=spec.max_instances,
        delay_release=spec.delay_release,
        url=spec.url,
        installer=spec.installer,
        image=spec.image,
        schema=tuple((name, getattr(spec.schema, name)) for name in _SCHEMAS if spec.schema.HasField(name)),
    )


def application_spec(record: ApplicationRecord) -> types.ApplicationSpec:
    """An application as it is told to the cluster; what is empty is left to the cluster's defaults."""
    from flamepy.wire.proto import types_pb2

    optional = ("description", "image", "command", "working_directory", "url", "installer")
    return types_pb2.ApplicationSpec(
        shim=types_pb2.Wasm if record.shim == _SHIMS[1] else types_pb2.Host,
        labels=record.tags,
        arguments=record.arguments,
        environments=[types_pb2.Environment(name=name, value=value) for name, value in record.environments],
        max_instances=record.max_instances,
        delay_release=int(record.delay_release),
        schema=types_pb2.ApplicationSchema(**dict(record.schema)) if record.schema else None,
        **{name: getattr(record, name) for name in optional if getattr(record, name)},
    )
