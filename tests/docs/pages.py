"""Reads the code blocks of a Markdown page.

A comment on the line above a block says what is special about it::

    <!-- skip: needs a cluster -->     it is not run; the reason is shown by the test
    <!-- file: worker.py -->           it is a file of the page's project, not part of the script
    <!-- output -->                    the script prints these lines, in this order

All other Python blocks of a page are one script, in the order of the page.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import textwrap
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("README.md", "CONTRIBUTING.md", *sorted(str(p.relative_to(ROOT)) for p in (ROOT / "docs").rglob("*.md")))

MARK = re.compile(r"<!-- (skip|file|output)(?:: (.+?))? -->")
FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)")
LINK = re.compile(r"\]\(([^)#\s]+)")


@dataclass(frozen=True)
class Block:
    """One fenced block."""

    line: int
    """Where its first line of text is in the page, from 1."""
    language: str
    text: str
    mark: str = ""
    argument: str = ""


def blocks(page: str) -> list[Block]:
    """Every fenced block of a page."""
    found: list[Block] = []
    lines = (ROOT / page).read_text().splitlines()
    above, inside, start = "", None, 0
    for number, line in enumerate(lines, 1):
        fence = FENCE.match(line)
        if inside is None and fence:
            inside, start = fence, number + 1
        elif inside is not None and fence:
            mark = MARK.search(above)
            text = textwrap.dedent("\n".join(lines[start - 1 : number - 1])) + "\n"
            labels = (mark[1], mark[2] or "") if mark else ("", "")
            found.append(Block(start, inside["language"], text, *labels))
            inside, above = None, ""
        elif inside is None and line.strip():
            above = line
    return found


def links(page: str) -> list[str]:
    """The relative links of a page."""
    text = re.sub(r"```.*?```", "", (ROOT / page).read_text(), flags=re.DOTALL)
    return [target for target in LINK.findall(text) if "://" not in target and not target.startswith("mailto:")]


def script(page: str) -> str:
    """The page's Python blocks as one script, every line where it is in the page."""
    lines: list[str] = []
    for block in blocks(page):
        if block.language in {"python", "py"} and not block.mark:
            text = block.text
            if _needs_a_loop(text):
                # Nothing is added above the block's first line, so that the line numbers stay.
                lines[len(lines) :] = [""] * (block.line - 2 - len(lines)) + ["async def page_block():"]
                text = textwrap.indent(text, "    ") + "import asyncio; asyncio.run(page_block())\n"
            lines[len(lines) :] = [""] * (block.line - 1 - len(lines)) + text.splitlines()
    return "\n".join(lines) + "\n"


def run(command: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, in an environment of its own."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("FLAME_")}
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=55, check=False)


def _needs_a_loop(text: str) -> bool:
    try:
        compile(text, "block", "exec")
    except SyntaxError:
        compile(text, "block", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        return True
    return False
