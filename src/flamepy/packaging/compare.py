"""Say in which files a stored archive differs from a project."""

from __future__ import annotations

from flamepy.packaging import tar
from flamepy.packaging.archive import Gunzip
from flamepy.packaging.digest import CHUNK
from flamepy.packaging.manifest import MEMBER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

    from flamepy.packaging.plan import Entry, Plan
    from flamepy.packaging.tar import Member


def differences(archive: str | Path, plan: Plan) -> list[str]:
    """Return the paths that differ, each with ``+`` (only in the project), ``-`` (only in the archive) or ``~``.

    Raises:
        PackageError: The archive is damaged.
        OSError: The archive cannot be read.
    """
    entries = {entry.path: entry for entry in plan.entries}
    found: list[str] = []
    with open(archive, "rb") as file:
        stream = Gunzip(file)
        for member in tar.read_members(stream):
            path = member.path.rstrip("/").removeprefix("./")
            entry = entries.pop(path, None)
            same = _read_and_compare(stream, member, entry, plan)
            if path != MEMBER and (entry is None or not same):
                found.append(f"{'-' if entry is None else '~'} {path}")
    found += [f"+ {path}" for path in entries]
    return sorted(found, key=lambda line: line[2:])


def _read_and_compare(stream: Gunzip, member: Member, entry: Entry | None, plan: Plan) -> bool:
    """Read a member to its end; tell whether it is the same as the project's entry."""
    same = entry is not None and (entry.kind, entry.size, entry.target) == (member.kind, member.size, member.target)
    same = same and (entry is None or entry.kind != "file" or entry.executable == member.executable)
    data = _read_file(plan, entry) if same and entry is not None and entry.kind == "file" else None
    left, position = member.size, 0
    while left > 0:
        chunk = stream.read(min(left, CHUNK))
        same = same and data is not None and data[position : position + len(chunk)] == chunk
        position += len(chunk)
        left -= len(chunk)
    stream.read(len(tar.padding(member.size)))
    return same


def _read_file(plan: Plan, entry: Entry) -> bytes | None:
    try:
        return (plan.project.root / entry.path).read_bytes()
    except OSError:
        return None
