"""Our reading of gitignore patterns is git's."""

from __future__ import annotations

import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import example, given
from hypothesis import strategies as st

from flamepy.packaging.plan import make_plan
from flamepy.packaging.project import Project

NAMES = ["a", "b", "ab", "abc", "a.b", "x.log", "-", "]", "!", "#a", "a b", "A"]
PIECES = [
    "a",
    "b",
    "c",
    ".",
    "*",
    "**",
    "?",
    "/",
    "[ab]",
    "[!a]",
    "[^a]",
    "[a-c]",
    "[]]",
    "[[:alpha:]]",
    "[[:bad:]]",
    "[",
]
MORE_PIECES = [
    "\\",
    "\\*",
    "\\a",
    " ",
    "!",
    "#",
    "-",
    "]",
    "[a-",
    "[c-a]",
    "[\\]]",
    "x.log",
    "***",
    "[*]",
    "[!]]",
    "\t",
]


def paths() -> st.SearchStrategy[list[str]]:
    """Draw the files of a tree."""
    path = st.lists(st.sampled_from(NAMES), min_size=1, max_size=4).map("/".join)
    return st.lists(path, min_size=1, max_size=12, unique=True)


def patterns() -> st.SearchStrategy[str]:
    """Draw one line of a .gitignore."""
    return st.lists(st.sampled_from(PIECES + MORE_PIECES), min_size=1, max_size=5).map("".join)


def write_tree(root: Path, files: list[str]) -> None:
    """Make the files, leaving out those whose parent is a file already."""
    for file in files:
        path = root / file
        if not path.exists() and not any(parent.is_file() for parent in path.parents):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file)


def kept_by_git(root: Path) -> set[str]:
    """Return the files that git would add."""
    git = ["git", "-C", str(root), "-c", "core.excludesFile=/dev/null", "-c", "core.quotePath=off"]
    subprocess.run([*git, "init", "-q"], check=True)
    listing = [*git, "ls-files", "-z", "--others", "--exclude-standard"]
    output = subprocess.run(listing, check=True, capture_output=True).stdout.decode()
    return {name for name in output.split("\0") if name and not name.endswith(".gitignore")}


def kept_by_us(root: Path) -> set[str]:
    """Return the files that a package would have."""
    return {entry.path for entry in make_plan(Project(folder=str(root))).entries if entry.kind == "file"}


@given(files=paths(), lines=st.lists(patterns(), max_size=6), nested=st.lists(patterns(), max_size=3))
@example(files=["a/b/c", "a/c"], lines=["a/**/c", "!a/c"], nested=[])
@example(files=["a/b", "b"], lines=["/*", "!/a"], nested=["b"])
@example(files=["a/x.log", "a/ab"], lines=["*.log"], nested=["!x.log"])
@example(files=["a b", "a"], lines=["a\\ "], nested=["a b  "])
def test_the_same_files_are_kept_as_by_git(files: list[str], lines: list[str], nested: list[str]) -> None:
    with TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        write_tree(root, files)
        (root / ".gitignore").write_text("\n".join(lines))
        if (root / "a").is_dir():
            (root / "a" / ".gitignore").write_text("\n".join(nested))
        assert kept_by_us(root) == kept_by_git(root)


@given(files=paths(), lines=st.lists(patterns(), max_size=5))
def test_a_project_inside_a_repository_follows_the_rules_above_it(files: list[str], lines: list[str]) -> None:
    with TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        write_tree(root / "a" / "project", files)
        (root / ".gitignore").write_text("\n".join(lines))
        kept = {name.removeprefix("a/project/") for name in kept_by_git(root)}
        # git does not look into a folder that is left out; a project in such a folder is packed all the same.
        if kept:
            assert kept_by_us(root / "a" / "project") == kept
