"""What a project requires, and where it says so."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

from flamepy.errors import PackageError
from flamepy.model.record import Record
from flamepy.packaging.digest import new_sha256

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_NAMES = ("uv.lock", "pyproject.toml", "requirements.txt")
"""The strongest first."""


class Requirements(Record):
    """The file that says what a project needs.

    Attributes:
        path: ``uv.lock``, ``pyproject.toml`` or ``requirements.txt``.
        digest: SHA-256 of what decides about the environment.
    """

    path: Path
    digest: str


def find_requirements(project: Path) -> Requirements:
    """Return the strongest of a project's requirement files: uv.lock, pyproject.toml, requirements.txt.

    Raises:
        PackageError: There is none, or it cannot be read.
    """
    for name in _NAMES:
        path = project / name
        if path.is_file():
            try:
                content = path.read_bytes()
            except OSError as error:
                raise PackageError(f"cannot read {path}: {error.strerror}", path=path) from error
            digest = new_sha256(len(content))
            digest.update(name.encode() + b"\0" + content)
            return Requirements(path=path, digest=digest.hexdigest())
    raise PackageError(
        f"environment='uv' needs to know the dependencies: {project} has no uv.lock, pyproject.toml or "
        "requirements.txt. Write one, or use environment='current'",
        path=project,
    )


def requires_something(project: Path) -> bool:
    """Whether there is anything to install for a project; what cannot be read is left to uv, which says why.

    Example:
        >>> requires_something(Path("/nowhere"))
        False
    """
    for name in _NAMES:
        path = project / name
        if path.is_file():
            text = path.read_text(encoding="utf-8", errors="replace")
            return {"uv.lock": _locks, "pyproject.toml": _depends, "requirements.txt": _lists}[name](text)
    return False


def _lists(text: str) -> bool:
    lines = (line.strip() for line in text.splitlines())
    return any(line and not line.startswith("#") for line in lines)


def _locks(text: str) -> bool:
    """Whether a lock file has packages beside the project's own."""
    sources = re.findall(r"^source\s*=\s*\{\s*(\w+)", text, re.MULTILINE)
    return any(source not in {"virtual", "editable"} for source in sources)


def _depends(text: str) -> bool:
    try:
        toml = import_module("tomllib")
    except ImportError:  # Python 3.10
        found = re.search(r"^dependencies\s*=\s*\[([^\]]*)\]|^dynamic\s*=.*dependencies", text, re.MULTILINE)
        return bool(found and (found[1] is None or found[1].strip()))
    try:
        content: dict[str, Any] = toml.loads(text)
        project = content.get("project") or {}
        poetry = content.get("tool", {}).get("poetry", {}).get("dependencies", {})
    except (ValueError, AttributeError):
        return True
    return bool(project.get("dependencies") or "dependencies" in project.get("dynamic", ()) or set(poetry) - {"python"})
