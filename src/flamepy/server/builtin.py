"""The applications that are there from the start: ``flmrun``, ``flmping``, ``flmexec``.

Their commands are those of every Flame cluster, below ``${FLAME_HOME}/bin``; the scripts there are ours.
"""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from flamepy.errors import EngineError
from flamepy.server.host.install import find_uv
from flamepy.wire.proto import types_pb2 as types

if TYPE_CHECKING:
    from flamepy.server.applications import Applications

_SCRIPT = {
    "type": "object",
    "properties": {
        "language": {"type": "string"},
        "code": {"type": "string"},
        "input": {"type": "array", "items": {"type": "integer"}},
    },
    "required": ["language", "code"],
}


def builtin_applications() -> dict[str, types.ApplicationSpec]:
    """Return the specifications by name."""
    return {
        "flmexec": types.ApplicationSpec(
            description="Runs scripts in shell or Python.",
            command="${FLAME_HOME}/bin/flmexec-service",
            schema=types.ApplicationSchema(input=json.dumps(_SCRIPT), output=json.dumps({"type": "string"})),
        ),
        "flmping": types.ApplicationSpec(
            command="${FLAME_HOME}/bin/flmping-service",
            url="file://${FLAME_HOME}/bin/flmping-service",
            schema=types.ApplicationSchema(),
        ),
        "flmrun": types.ApplicationSpec(
            description="Runs Python projects: functions, classes and instances as services.",
            command="${FLAME_HOME}/bin/uv",
            arguments=["run", "--python", "python${FLAME_PYTHON_VERSION}", "python", "-m", "flamepy.runner.runpy"],
            installer="python",
            schema=types.ApplicationSchema(),
        ),
    }


def register(applications: Applications) -> None:
    """Register those that are missing."""
    for name, spec in builtin_applications().items():
        if name not in applications:
            applications.register(name, spec)


def install_commands(home: Path) -> None:
    """Write the commands below ``home/bin``."""
    folder = home / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    source = Path(__file__).parents[2]
    for name in ("flmping", "flmexec"):
        module = f"flamepy.server.services.{name}"
        start = f"import sys; sys.path.insert(0, {str(source)!r}); from {module} import main; main()"
        script = folder / f"{name}-service"
        script.write_text(f"#!/bin/sh\nexec {shlex.quote(sys.executable)} -c {shlex.quote(start)}\n")
        script.chmod(0o755)
    try:
        uv = find_uv()
    except EngineError:
        return  # flmrun says so when it is used
    link = folder / "uv"
    link.unlink(missing_ok=True)
    link.symlink_to(uv)
