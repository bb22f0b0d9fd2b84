"""The reference pages name everything there is, and nothing else."""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path

import flamepy
import flamepy.errors
from docs import pages

REFERENCE = pages.ROOT / "docs" / "reference"
SOURCES = [path.read_text() for path in (pages.ROOT / "src").rglob("*.py")]


def rows(page: str) -> set[str]:
    """The names that begin the rows of a page's tables."""
    return set(re.findall(r"^\| `(\w+)` \|", (REFERENCE / page).read_text(), flags=re.MULTILINE))


def test_every_error_has_its_row():
    errors = {name for name, value in vars(flamepy.errors).items() if inspect.isclass(value)}
    assert rows("errors.md") == errors


def test_every_public_name_is_in_the_reference():
    text = "".join(path.read_text() for path in REFERENCE.glob("*.md"))
    assert {name for name in flamepy.__all__ if name not in text and not name.startswith("__")} == set()


def test_every_environment_variable_has_its_row():
    used = {name for source in SOURCES for name in re.findall(r"[\"'](FLAME(?:PY)?_[A-Z_]+)[\"']", source)}
    assert rows("environment.md") == used


def test_every_command_of_flmctl_is_in_the_reference():
    shown = pages.run([str(Path(sys.executable).with_name("flmctl")), "--help"], pages.ROOT).stdout
    listing = shown.partition("Commands:\n")[2].partition("\n\n")[0]
    commands = set(re.findall(r"^  ([a-z]+) ", listing, flags=re.MULTILINE))
    text = (REFERENCE / "flmctl.md").read_text()
    assert commands >= {"list", "view", "logs"}
    assert {command for command in commands if f"flmctl {command}" not in text} == set()
