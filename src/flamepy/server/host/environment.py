"""The variables and the command line of a service's process."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from flamepy.server.records import Application

_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))")
_OWN = ("VIRTUAL_ENV", "PYTHONHOME", "FLAME_CONFIG", "FLAME_CLUSTER")
"""Of the server's own variables, those that would mislead a service."""
_SEARCH_PATHS = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH")


class Place(NamedTuple):
    """Where one executor works.

    Attributes:
        home: The server's folder, ``FLAME_HOME``.
        folder: Working directory.
        temporary: For temporary files; removed with the executor.
        socket: Where the service is to listen.
    """

    home: Path
    folder: Path
    temporary: Path
    socket: Path


def expand(text: str, *sources: Mapping[str, str]) -> str:
    """Replace ``${NAME}`` and ``$NAME``; a name that no source has stays as it is.

    Example:
        >>> expand("${HOME}/x-$NOBODY", {"HOME": "/root"})
        '/root/x-$NOBODY'
    """

    def value(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        return next((source[name] for source in sources if name in source), match[0])

    return _VARIABLE.sub(value, text)


def compose(
    application: Application, place: Place, endpoints: Mapping[str, str], installed: Mapping[str, str]
) -> dict[str, str]:
    """Return all variables of a service's process.

    Args:
        application: Whose service it is.
        place: Where it works.
        endpoints: ``FLAME_ENDPOINT`` and its like.
        installed: What the installer has to say; search paths go in front of what is there.
    """
    base = {name: value for name, value in os.environ.items() if name not in _OWN}
    level = base.get("RUST_LOG", "info")
    result = {**base, **endpoints, "FLAME_HOME": str(place.home), "RUST_LOG": level, "FLAME_LOG": level}
    known = {**os.environ, "FLAME_HOME": str(place.home)}
    for each in application.spec.environments:
        if each.name and "=" not in each.name and "\0" not in each.name + each.value:
            result[each.name] = expand(each.value, known)
    for name, value in installed.items():
        if name in _SEARCH_PATHS:
            result[name] = ":".join(part for part in (value, result.get(name)) if part)
        else:
            result.setdefault(name, value)
    temporary = str(place.temporary)
    return result | {
        "FLAME_INSTANCE_ENDPOINT": str(place.socket),
        "HOME": base.get("HOME", str(place.home)),
        "TMPDIR": temporary,
        "TEMP": temporary,
        "TMP": temporary,
    }


def command_line(application: Application, environment: Mapping[str, str]) -> list[str]:
    """Return program and arguments, variables expanded."""
    spec = application.spec
    return [expand(each, environment, os.environ) for each in (spec.command, *spec.arguments)]
