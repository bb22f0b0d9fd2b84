"""``flmctl package``: what a project's package would hold, and why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flamepy.cli.exits import note, polite, wrong_usage
from flamepy.cli.kinds import Column
from flamepy.cli.options import OutputOption
from flamepy.cli.render import Output, show_data, show_lines, show_table

if TYPE_CHECKING:
    from flamepy.packaging.plan import Plan

_LARGEST = 10
_MARKERS = ("pyproject.toml", "setup.py", "setup.cfg", ".git")


@polite
def package(
    ctx: typer.Context,
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="The project; else the one around the working directory.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would go; needed.")] = False,
    exclude: Annotated[
        list[str] | None, typer.Option("--exclude", metavar="PATTERN", help="Leave this out too, in gitignore syntax.")
    ] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show what the package of a project would hold, its largest files, and what stays behind and why.

    -o wide shows each file, -o name only their paths.
    """
    if not dry_run:
        wrong_usage("packages are made and uploaded by FlameRunner; add --dry-run to see what would go")
    from flamepy.packaging.plan import make_plan
    from flamepy.packaging.project import find_project

    configured = ctx.obj.context().package
    excludes = [*(configured.excludes if configured else ()), *(exclude or ())]
    plan = make_plan(find_project(folder or _project_around(Path.cwd())), excludes)
    if output in (Output.JSON, Output.YAML):
        show_data(_data(plan), output)
    elif output is Output.NAME:
        show_lines(entry.path for entry in plan.entries if entry.kind != "dir")
    else:
        _show(plan, wide=output is Output.WIDE)


def _project_around(folder: Path) -> Path:
    # FlameRunner looks around the main script; that of flmctl is flmctl.
    candidates = [folder, *folder.parents]
    return next((each for each in candidates if any((each / marker).exists() for marker in _MARKERS)), folder)


def _data(plan: Plan) -> dict[str, Any]:
    return {
        "project": str(plan.project.root),
        "total": plan.total,
        "entries": [{"path": each.path, "kind": each.kind, "size": each.size} for each in plan.entries],
        "excluded": [{"path": each.path, "rule": each.rule, "origin": each.origin} for each in plan.excluded],
    }


def _show(plan: Plan, *, wide: bool) -> None:
    from flamepy.packaging.plan import format_bytes

    size = Column(heading="Size", cell=lambda entry: format_bytes(entry.size))
    path = Column(heading="Path", cell=lambda entry: entry.path, elastic=True)
    files = [entry for entry in plan.entries if entry.kind == "file"]
    show_lines(
        [f"Project {plan.project.root}: {_files(len(files))}, {format_bytes(plan.total)} before compression.", ""]
    )
    if wide:
        _section("Goes:", [size, path], [entry for entry in plan.entries if entry.kind != "dir"], wide=True)
    else:
        _section("Goes, by folder:", [size, path, _COUNT], _by_folder(plan), wide=False)
    _section(f"The {_LARGEST} largest:", [size, path], plan.largest(_LARGEST), wide=wide)
    reasons = [path, _RULE, _ORIGIN]
    _section("Stays behind:", reasons, list(plan.excluded), wide=wide)
    warning = plan.check_size()
    if warning:
        note(warning.partition(". The largest")[0])


class _Sum:
    """The files of a top-level folder, or one top-level file."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.size = 0
        self.count = 0


def _by_folder(plan: Plan) -> list[_Sum]:
    sums: dict[str, _Sum] = {}
    for entry in plan.entries:
        top, below, _ = entry.path.partition("/")
        if entry.kind != "dir":
            found = sums.setdefault(top + below, _Sum(top + below))
            found.size += entry.size
            found.count += 1
    return sorted(sums.values(), key=lambda each: (-each.size, each.path))


_COUNT = Column(heading="Files", cell=lambda each: str(each.count))
_RULE = Column(heading="Rule", cell=lambda each: each.rule)
_ORIGIN = Column(heading="Where it stands", cell=lambda each: each.origin)


def _section(title: str, columns: list[Column], rows: list[Any], *, wide: bool) -> None:
    if rows:
        show_lines([title])
        show_table(columns, rows, fit=not wide)
        show_lines([""])


def _files(count: int) -> str:
    return f"{count} file" if count == 1 else f"{count} files"
