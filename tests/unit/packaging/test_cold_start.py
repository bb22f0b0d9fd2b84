"""Packing a small project loads nothing that it does not need: each import is time before the first result."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

CODE = """
import sys
from flamepy.context import FlameContext
from flamepy.deployment import Deployment
with Deployment("test", FlameContext(), project=sys.argv[1]):
    pass
heavy = {"tarfile", "gzip", "json", "hashlib", "shutil", "tempfile", "pathspec", "platformdirs", "fsspec", "yaml",
         "msgspec", "asyncio", "http", "subprocess", "aiohttp", "difflib"}
print(sorted(heavy & set(sys.modules)))
"""


def test_a_usual_project_is_packed_with_few_modules(tmp_path: Path) -> None:
    for number in range(10):
        (tmp_path / f"m{number}.py").write_text("x = 1\n")
    (tmp_path / ".gitignore").write_text("*.log\n*.py[cod]\n/data/\n**/tmp\n!keep.log\n")
    command = [sys.executable, "-c", CODE, str(tmp_path)]
    plain = {name: value for name, value in os.environ.items() if not name.startswith("COV")}  # it loads modules too
    output = subprocess.run(command, env=plain, capture_output=True, text=True, check=True).stdout
    assert output.strip() == "[]"
