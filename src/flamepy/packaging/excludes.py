"""What is left out of a package, and by which rule.

From weak to strong: the defaults, ``.gitignore`` files (the project's, those of the folders between it and the git
root, those of its own folders), ``.flameignore`` files, the patterns of `flamepy.FlamePackage`. Within one source the
last rule that matches wins. As in git, nothing inside a folder that is left out can be taken in again: take in the
folder first. Unlike git, a file that git tracks although a rule ignores it is left out.
"""

from __future__ import annotations

import os

from flamepy.errors import PackageError
from flamepy.packaging.patterns import Rule, RuleSet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

DEFAULT_EXCLUDES = (
    # The document's list, and .venv, which it means.
    ".vent",
    ".venv",
    "__pycache__",
    ".gitignore",
    "*.pyc",
    # Version control.
    ".git",
    ".hg",
    ".svn",
    ".bzr",
    ".jj",
    # Caches of tools and what they leave behind.
    "*.pyo",
    ".DS_Store",
    ".eggs/",
    ".hypothesis/",
    ".ipynb_checkpoints/",
    ".mypy_cache/",
    ".nox/",
    ".pytest_cache/",
    ".ruff_cache/",
    ".tox/",
    "*.egg-info",
    "node_modules/",
    # Ours.
    ".flameignore",
    ".flamepy/",
)
_DEFAULTS = RuleSet.of(DEFAULT_EXCLUDES, "default")
VIRTUAL_ENVIRONMENT = Rule("virtual environment", "default")
BUILD_OUTPUT = Rule("build output", "default")
_ARTIFACTS = (".whl", ".tar.gz", ".zip", ".egg")


class Excludes:
    """The rules for one folder of a project; `enter` gives those of its subfolders."""

    def __init__(self, git: Sequence[RuleSet], flame: Sequence[RuleSet], user: RuleSet) -> None:
        """Combine rules; use `of_project` to read them.

        Args:
            git: Rules of ``.gitignore`` files, the outermost first.
            flame: Rules of ``.flameignore`` files, likewise.
            user: The user's own.
        """
        self._git = git
        self._flame = flame
        self._user = user
        self._strongest_first = (user, *reversed(flame), *reversed(git), _DEFAULTS)

    @classmethod
    def of_project(cls, root: str, patterns: Iterable[str] = (), *, origin: str = "FlamePackage.excludes") -> Excludes:
        """Return the rules at a project's root; `enter` reads the ignore files of the root itself.

        Args:
            root: The project.
            patterns: The user's own, in gitignore syntax.
            origin: What reports call them.
        """
        return cls(_above(root), (), RuleSet.of(patterns, origin))

    def enter(self, folder: str, names: Iterable[str], root: str) -> Excludes:
        """Return the rules inside a folder, with its own ignore files.

        Args:
            folder: The folder below the root, with a slash at the end; empty for the root.
            names: What lies in it.
            root: The project.

        Raises:
            PackageError: An ignore file cannot be read.
        """
        found = [name for name in (".gitignore", ".flameignore") if name in names]
        if not found:
            return self
        sets = {name: _read(os.path.join(root, folder, name), f"{folder}{name}", base=folder) for name in found}
        git = [*self._git, sets[".gitignore"]] if ".gitignore" in sets else self._git
        flame = [*self._flame, sets[".flameignore"]] if ".flameignore" in sets else self._flame
        return Excludes(git, flame, self._user)

    def find(self, path: str, name: str, *, is_dir: bool) -> Rule | None:
        """Return the rule that decides about an entry; None if no rule matches.

        Args:
            path: Below the root, with slashes.
            name: Its last part.
            is_dir: Whether it is a folder (and no link to one).
        """
        for rules in self._strongest_first:
            rule = rules.find(path, name, is_dir=is_dir)
            if rule is not None:
                return rule
        return None


def by_content(folder: str, names: set[str]) -> Rule | None:
    """Return the default rule that a folder falls under because of what lies in it.

    A ``dist`` or ``build`` folder at the root is left out only if it holds what build tools put there; a package of
    that name stays.

    Args:
        folder: Below the root, with a slash at the end.
        names: What lies in it.
    """
    if "pyvenv.cfg" in names or "conda-meta" in names:
        return VIRTUAL_ENVIRONMENT
    if folder == "dist/" and names and all(name.endswith(_ARTIFACTS) or name == ".gitignore" for name in names):
        return BUILD_OUTPUT
    if folder == "build/" and "__init__.py" not in names:
        made = [name for name in names if name == "lib" or name.startswith(("lib.", "bdist.", "temp."))]
        if made:
            return BUILD_OUTPUT
    return None


def _above(root: str) -> list[RuleSet]:
    """Read the .gitignore files between the project and the root of the git repository that it lies in."""
    if os.path.exists(os.path.join(root, ".git")):
        return []
    sets: list[RuleSet] = []
    below, folder = root, os.path.dirname(root)
    while folder != below:
        file = os.path.join(folder, ".gitignore")
        if os.path.isfile(file):
            sets.insert(0, _read(file, file, prefix=f"{os.path.relpath(root, folder)}/"))
        if os.path.exists(os.path.join(folder, ".git")):
            return sets
        below, folder = folder, os.path.dirname(folder)
    return []


def _read(file: str, origin: str, *, base: str = "", prefix: str = "") -> RuleSet:
    try:
        with open(file, "rb") as stream:
            text = os.fsdecode(stream.read().removeprefix(b"\xef\xbb\xbf"))
    except OSError as error:
        from pathlib import Path

        raise PackageError(f"cannot read {file}: {error.strerror}", path=Path(file)) from error
    return RuleSet.of(text.split("\n"), origin, base=base, prefix=prefix, numbered=True)
