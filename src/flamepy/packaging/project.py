"""Find the project that is to be packed, and how its modules are found in it."""

from __future__ import annotations

import os
import site
import sys

from flamepy.errors import PackageError
from flamepy.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path

MARKERS = ("pyproject.toml", "setup.py", "setup.cfg", ".git")
# Folders that belong to the system or to everybody: packing them is never what was meant.
_SHARED = frozenset(
    {
        *("/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/media", "/mnt", "/opt", "/proc", "/root"),
        *("/run", "/sbin", "/srv", "/sys", "/tmp", "/usr", "/usr/bin", "/usr/lib", "/usr/local", "/usr/local/bin"),
        *("/usr/local/lib", "/usr/share", "/var", "/var/lib", "/var/run", "/var/tmp"),
        *("/Applications", "/Library", "/System", "/Users", "/Volumes", "/private", "/private/tmp", "/private/var"),
    }
)


class Project(Record):
    """A folder that can be packed.

    Attributes:
        folder: The folder, absolute and without links.
        import_roots: What of the driver's ``sys.path`` lies in it, relative and in order, then ``src`` if the project
            keeps its packages there, then ``.``.
        cwd: The working directory relative to the root; ``.`` if it lies elsewhere.
        main: The main script relative to the root; None if it lies elsewhere, or for a notebook or REPL.
    """

    folder: str
    import_roots: tuple[str, ...] = (".",)
    cwd: str = "."
    main: str | None = None

    @property
    def root(self) -> Path:
        """The folder, as a path."""
        from pathlib import Path  # four milliseconds of every start

        return Path(self.folder)


def find_project(folder: str | os.PathLike[str] | None = None) -> Project:
    """Find the project of the running program.

    Args:
        folder: The project, if the user named it. Otherwise it is the nearest folder at or above the main script
            (in a notebook or REPL, or under a tool such as pytest: the working directory) that holds pyproject.toml,
            setup.py, setup.cfg or .git, else the script's own folder.

    Raises:
        PackageError: The folder does not exist, or it is a home, system or temporary folder that nobody named.

    Example:
        >>> find_project(".").cwd
        '.'
    """
    script = _main_script()
    root = _named(folder) if folder is not None else _nearest(script)
    return Project(
        folder=root,
        import_roots=_import_roots(root),
        cwd=_relative(os.path.realpath(_cwd()), root) or ".",
        main=None if script is None else _relative(script, root),
    )


def _named(folder: str | os.PathLike[str]) -> str:
    root = os.path.realpath(os.path.expanduser(folder))
    if not os.path.isdir(root):
        raise PackageError(f"the project {root!r} is not a folder: correct project=...", path=_path(root))
    if os.path.dirname(root) == root:
        raise PackageError("the root of the file system cannot be packed: name your project's folder", path=_path(root))
    return root


def _nearest(script: str | None) -> str:
    start = os.path.realpath(_cwd()) if script is None else os.path.dirname(script)
    folder = start
    while not _is_shared(folder):
        if any(os.path.exists(os.path.join(folder, marker)) for marker in MARKERS):
            return folder
        if folder == os.path.dirname(folder):
            break
        folder = os.path.dirname(folder)
    if _is_shared(start):
        whose = "the working directory" if script is None else f"the folder of {os.path.basename(script)}"
        raise PackageError(
            f"no project found: {whose}, {start}, is a home, system or temporary folder, too much to pack. "
            'Move your code into its own folder, or name the project: FlameRunner(name, project="path/to/project")',
            path=_path(start),
        )
    return start


def _is_shared(folder: str) -> bool:
    homes = {os.path.realpath(os.path.expanduser("~"))}
    temporary = {os.path.realpath(os.environ[name]) for name in ("TMPDIR", "TEMP", "TMP") if os.environ.get(name)}
    return folder in _SHARED or folder in homes | temporary


def _main_script() -> str | None:
    """Return the main script, unless it is a tool of the environment that happens to run the user's code."""
    file = getattr(sys.modules.get("__main__"), "__file__", None)
    if not file:
        return None
    script = os.path.realpath(file)
    if not os.path.isfile(script) or _is_installed(script):
        return None
    above, name = os.path.split(os.path.dirname(script))
    if name in {"bin", "Scripts"} and any(os.path.exists(f"{above}/{mark}") for mark in ("pyvenv.cfg", "conda-meta")):
        return None
    places = {os.path.realpath(os.path.dirname(os.__file__)), *_script_folders()}
    inside = any(_relative(script, place) is not None for place in places)
    return None if inside else script


def _script_folders() -> set[str]:
    prefixes = {sys.prefix, sys.base_prefix, getattr(site, "USER_BASE", None) or sys.prefix}
    return {os.path.realpath(os.path.join(prefix, name)) for prefix in prefixes for name in ("bin", "Scripts")}


def _is_installed(path: str) -> bool:
    return not {"site-packages", "dist-packages"}.isdisjoint(path.split(os.sep))


def _import_roots(root: str) -> tuple[str, ...]:
    environment = {os.path.realpath(sys.prefix), os.path.realpath(sys.base_prefix)} - {root}
    found: list[str] = []
    for entry in sys.path:
        path = os.path.realpath(entry or _cwd())
        relative = _relative(path, root)
        if relative is None or _is_installed(path):
            continue
        # An environment that lies in the project is not the project's code.
        if any(_relative(path, prefix) is not None and _relative(prefix, root) for prefix in environment):
            continue
        found.append(relative)
    if _has_src_layout(root):
        found.append("src")
    return tuple(dict.fromkeys([*found, "."]))


def _has_src_layout(root: str) -> bool:
    source = os.path.join(root, "src")
    if not os.path.isdir(source) or os.path.exists(os.path.join(source, "__init__.py")):
        return False
    try:
        with os.scandir(source) as entries:
            return any(entry.name.endswith(".py") or entry.is_dir() for entry in entries)
    except OSError:
        return False


def _relative(path: str, root: str) -> str | None:
    """The path below the root; None if it lies elsewhere. Both are absolute and without links."""
    if path == root:
        return "."
    prefix = root.rstrip(os.sep) + os.sep
    return path[len(prefix) :].replace(os.sep, "/") if path.startswith(prefix) else None


def _path(path: str) -> Path:
    from pathlib import Path

    return Path(path)


def _cwd() -> str:
    try:
        return os.getcwd()
    except OSError:  # it was deleted
        return os.sep
