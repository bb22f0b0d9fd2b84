"""Walk a project and decide what goes into its package, without reading a single file."""

from __future__ import annotations

import os
import stat

from flamepy.errors import PackageError, PackageTooLarge
from flamepy.model.record import Record
from flamepy.packaging.excludes import Excludes, by_content
from flamepy.packaging.tar import leaves_tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import NoReturn

    from flamepy.packaging.patterns import Rule
    from flamepy.packaging.project import Project

MIB = 1 << 20
WARN_BYTES = 100 * MIB
MAX_BYTES = 2048 * MIB


class Entry(Record):
    """Something that goes into the package.

    Attributes:
        path: Below the project, with slashes.
        kind: ``file``, ``dir`` or ``link``.
        size: Bytes of a file, else 0.
        executable: Whether its owner may execute the file.
        target: Where a link points, relative to the folder it lies in.
    """

    path: str
    kind: str = "file"
    size: int = 0
    executable: bool = False
    target: str = ""


class Excluded(Record):
    """Something that stays behind.

    Attributes:
        path: Below the project; a folder, which stands for all that lies in it, has a slash at the end.
        rule: The pattern.
        origin: Where the pattern stands, ``.gitignore line 3`` for example.
    """

    path: str
    rule: str
    origin: str

    def __str__(self) -> str:
        return f"{self.path}: {self.rule!r} ({self.origin})"


class Plan(Record):
    """What a package will hold, and what not.

    Attributes:
        project: The project.
        entries: What goes in, sorted by path.
        excluded: What stays behind, and why, sorted by path.
        total: Bytes of all files.
    """

    project: Project
    entries: tuple[Entry, ...]
    excluded: tuple[Excluded, ...]
    total: int = 0

    def largest(self, count: int = 10) -> list[Entry]:
        """Return the largest files, the largest first."""
        files = [entry for entry in self.entries if entry.kind == "file"]
        return sorted(files, key=lambda entry: (-entry.size, entry.path))[:count]

    def largest_folders(self, count: int = 3) -> list[tuple[str, int, int]]:
        """Return the top-level folders with most bytes, as (path, bytes, number of files)."""
        totals: dict[str, tuple[int, int]] = {}
        for entry in self.entries:
            folder, separator, _ = entry.path.partition("/")
            if separator and entry.kind == "file":
                size, files = totals.get(folder, (0, 0))
                totals[folder] = (size + entry.size, files + 1)
        ranked = sorted(totals.items(), key=lambda item: (-item[1][0], item[0]))
        return [(f"{folder}/", size, files) for folder, (size, files) in ranked[:count]]

    def why_excluded(self, path: str) -> Excluded | None:
        """Return the exclusion that keeps a path of the project out; None if nothing does.

        Args:
            path: Below the project, with slashes.
        """
        by_path = {excluded.path.rstrip("/"): excluded for excluded in self.excluded}
        parts = path.split("/")
        for length in range(len(parts), 0, -1):
            excluded = by_path.get("/".join(parts[:length]))
            if excluded is not None:
                return excluded
        return None

    def check_size(self, *, limit: int = MAX_BYTES, warn: int = WARN_BYTES) -> str | None:
        """Compare the size with the limits.

        Args:
            limit: Bytes that a package may have at most.
            warn: Bytes above which it is worth a warning.

        Returns:
            The text of a warning that lists the largest entries; None if the package is small enough.

        Raises:
            PackageTooLarge: The package is above the limit.
        """
        if self.total <= min(limit, warn):
            return None
        listing = "\n".join(
            [f"  {format_bytes(size):>10}  {path} ({files} files)" for path, size, files in self.largest_folders()]
            + [f"  {format_bytes(entry.size):>10}  {entry.path}" for entry in self.largest()]
        )
        advice = (
            "Leave out what the executors do not need: a pattern in .flameignore or in FlamePackage(excludes=[...])."
        )
        fact = f"the package of {self.project.folder} has {format_bytes(self.total)} before compression"
        if self.total > limit:
            raise PackageTooLarge(
                f"{fact}, more than the limit of {format_bytes(limit)}. The largest entries:\n{listing}\n{advice}",
                total=self.total,
                limit=limit,
            )
        return f"{fact}. The largest entries:\n{listing}\n{advice}"


def format_bytes(size: float) -> str:
    """Return a size as people read it.

    Example:
        >>> format_bytes(1536)
        '1.5 KiB'
    """
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    raise AssertionError


def make_plan(project: Project, excludes: Iterable[str] = ()) -> Plan:
    """Walk a project.

    Args:
        project: The project.
        excludes: The user's own patterns, in gitignore syntax.

    Raises:
        PackageError: Something cannot be packed: a folder that cannot be listed, a link that leaves the project, a
            device, socket or FIFO.

    Example:
        >>> make_plan(find_project("."), ["*.log"]).total  # doctest: +SKIP
        18231
    """
    walk = _Walk(project)
    walk.folder("", Excludes.of_project(project.folder, excludes), explicit=True)
    entries = tuple(sorted(walk.entries, key=lambda entry: entry.path))
    excluded = tuple(sorted(walk.excluded, key=lambda entry: entry.path))
    return Plan(project=project, entries=entries, excluded=excluded, total=sum(entry.size for entry in entries))


class _Walk:
    def __init__(self, project: Project) -> None:
        self.root = project.folder
        self.entries: list[Entry] = []
        self.excluded: list[Excluded] = []

    def folder(self, folder: str, excludes: Excludes, *, explicit: bool) -> None:
        """Visit a folder; ``explicit`` says that a rule takes it in, so that its content does not matter."""
        try:
            with os.scandir(os.path.join(self.root, folder)) as found:
                children = list(found)
        except OSError as error:
            self.refuse(folder.rstrip("/"), f"cannot be listed: {error.strerror}", error)
        names = {child.name for child in children}
        rule = None if explicit else by_content(folder, names)
        if rule is not None:
            self.leave_out(folder, rule)
            return
        if folder:
            self.entries.append(Entry(path=folder.rstrip("/"), kind="dir"))
        inside = excludes.enter(folder, names, self.root)
        for child in children:
            self.child(folder, child, inside)

    def child(self, folder: str, child: os.DirEntry[str], excludes: Excludes) -> None:
        path = folder + child.name
        is_dir = child.is_dir(follow_symlinks=False)
        rule = excludes.find(path, child.name, is_dir=is_dir)
        if rule is not None and not rule.negated:
            self.leave_out(f"{path}/" if is_dir else path, rule)
        elif is_dir:
            self.folder(f"{path}/", excludes, explicit=rule is not None)
        else:
            self.entry(path, child)

    def entry(self, path: str, child: os.DirEntry[str]) -> None:
        try:
            status = child.stat(follow_symlinks=False)
            if stat.S_ISLNK(status.st_mode):
                self.entries.append(Entry(path=path, kind="link", target=self.link_target(path)))
                return
        except FileNotFoundError as error:
            self.refuse(path, "vanished while the project was being packed", error)
        if not stat.S_ISREG(status.st_mode):
            self.refuse(path, f"is a {_kind(status.st_mode)}, which cannot be packed")
        executable = bool(status.st_mode & stat.S_IXUSR)
        self.entries.append(Entry(path=path, size=status.st_size, executable=executable))

    def link_target(self, path: str) -> str:
        """Return where a link points, in a form that holds wherever the package is unpacked."""
        full = os.path.join(self.root, path)
        written = os.readlink(full)
        real = os.path.realpath(full)
        if real != self.root and not real.startswith(f"{self.root}{os.sep}"):
            self.refuse(path, f"is a link that leaves the project, to {real}")
        if leaves_tree(path, written):
            return os.path.relpath(real, os.path.realpath(os.path.dirname(full)))
        return written

    def leave_out(self, path: str, rule: Rule) -> None:
        self.excluded.append(Excluded(path=path, rule=rule.pattern, origin=rule.origin))

    def refuse(self, path: str, problem: str, cause: OSError | None = None) -> NoReturn:
        from pathlib import Path

        name = path.rpartition("/")[2] or "."
        full = Path(self.root, path)
        raise PackageError(
            f"{full} {problem}. If the executors do not need it, leave it out: "
            f"'/{path}' in .flameignore or in FlamePackage(excludes=[...])",
            path=full,
            name=name,
        ) from cause


def _kind(mode: int) -> str:
    kinds = {stat.S_IFSOCK: "socket", stat.S_IFIFO: "named pipe", stat.S_IFBLK: "device", stat.S_IFCHR: "device"}
    return kinds.get(stat.S_IFMT(mode), "special file")
