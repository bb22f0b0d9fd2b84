"""The application that is registered for a runner: how the workers of a cluster start what hosts our executors."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from flamepy.engines.flame.sdk import boot_arguments
from flamepy.errors import EngineError
from flamepy.wire.leases import lease_mark

if TYPE_CHECKING:
    from flamepy.engines.flame.frontend import Frontend
    from flamepy.model.specs import Resources
    from flamepy.wire.proto import types_pb2 as types

TEMPLATE = "flmrun"
"""The application whose command, environment and installer are taken over, unless the context names another."""

RELEASE_SECONDS = 60
"""Seconds without a task after which the cluster ends an executor's process: so long a killed client's stay."""

KEEP_SECONDS = 20.0
"""Seconds without a task after which an idle executor is sent one, so that it keeps its process."""

VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"
"""Of Python; pickles by value need the same on both ends."""


def application_spec(frontend: Frontend, template: str | None, description: str) -> types.ApplicationSpec:
    """Return the specification of a runner's application, made from the cluster's template.

    Args:
        frontend: The cluster.
        template: Name of the application to start from; None for ``flmrun``.
        description: For people.

    Raises:
        EngineError: There is no such application, or it does not start Python.
    """
    from flamepy.wire.proto import types_pb2 as types

    name = template or TEMPLATE
    try:
        found = frontend.get_application(name).spec
    except EngineError as error:
        raise EngineError(
            f"{frontend.channel.address.endpoint} has no application '{name}' to start Python with: register one, "
            f"or name another as 'runner.template' in flame.yaml ({error})",
            endpoint=frontend.channel.address.endpoint,
        ) from error
    spec = types.ApplicationSpec()
    spec.CopyFrom(found)
    for field in ("url", "schema", "working_directory"):
        spec.ClearField(field)
    arguments = _up_to_python(list(spec.arguments))
    if arguments is None:
        raise EngineError(
            f"the application '{name}' does not start Python: its arguments should end with "
            f"'python -m MODULE', and are {' '.join(spec.arguments)!r}",
            endpoint=frontend.channel.address.endpoint,
        )
    del spec.arguments[:]
    spec.arguments.extend([*arguments, *boot_arguments()])
    spec.description = description
    spec.labels.extend(["flamepy", lease_mark()])
    spec.delay_release = RELEASE_SECONDS
    for each in [each for each in spec.environments if each.name == "FLAME_PYTHON_VERSION"]:
        spec.environments.remove(each)
    spec.environments.add(name="FLAME_PYTHON_VERSION", value=VERSION)
    return spec


def _up_to_python(arguments: list[str]) -> list[str] | None:
    """The template's arguments up to the interpreter, whose module is replaced."""
    if "-m" in arguments:
        return arguments[: arguments.index("-m")]
    return arguments if arguments and "python" in arguments[-1] else None


def requirement(resources: Resources) -> types.ResourceRequirement | None:
    """Return what an executor needs, in the protocol's terms; None for the cluster's usual.

    Raises:
        EngineError: It is something that the protocol has no word for.
    """
    from math import ceil

    from flamepy.wire.proto import types_pb2 as types

    if resources.custom:
        names = ", ".join(sorted(resources.custom))
        raise EngineError(f"a Flame cluster counts cpu, memory and gpu, and not {names}: leave it out of resources=")
    if not (resources.cpu or resources.memory or resources.gpu):
        return None
    return types.ResourceRequirement(
        cpu=ceil(resources.cpu) or 1, memory=resources.memory or 1 << 30, gpu=resources.gpu
    )
