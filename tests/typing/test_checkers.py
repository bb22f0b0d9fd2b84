"""Both type checkers accept the files beside this one: every type is as asserted, every wrong line is refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CHECKED = [str(path.relative_to(ROOT)) for path in sorted(Path(__file__).parent.glob("[!t]*.py"))]


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("checker", [["mypy", "--no-incremental"], ["pyright", "--warnings"]], ids=["mypy", "pyright"])
def test_the_files_pass(checker: list[str]) -> None:
    command = [sys.executable, "-m", *checker, *CHECKED]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
