"""Programs of users, each in a project of its own, in which only ``flame.yaml`` says that Ray runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECONDS = 100


def project(folder: Path, text: str = "", *, endpoint: str = "ray", more: str = "") -> Path:
    """Write ``main.py`` and ``flame.yaml``, with one more line of settings; returns the folder."""
    folder.mkdir(exist_ok=True)
    (folder / "pyproject.toml").write_text('[project]\nname = "program"\nversion = "1"\n')
    (folder / "flame.yaml").write_text(
        f'current-cluster: here\nclusters:\n  - name: here\n    endpoint: "{endpoint}"\n{more}'
    )
    if text:
        (folder / "main.py").write_text(text)
    return folder


def run(folder: Path, *words: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run ``python *words`` in a project, ``main.py`` if there are none."""
    return subprocess.run(
        [sys.executable, *(words or ("main.py",))],
        cwd=folder,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@contextmanager
def started(folder: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """The same in the background; it is killed at the end."""
    process = subprocess.Popen(
        [sys.executable, *(words or ("main.py",))],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def line_with(text: str, program: subprocess.Popen[str]) -> str:
    """Wait for a line of a started program, and return it; Ray says a lot besides."""
    assert program.stdout is not None
    seen = []
    for line in program.stdout:
        seen.append(line)
        if text in line:
            return line
    raise AssertionError(f"no line with {text!r}:\n{''.join(seen)}")
