"""The page of the benchmarks says what the results file says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "latest.json"

CHECK = """
import sys
sys.path.insert(0, "benchmarks")
from bench.report import page
from bench.results import LATEST, Results
stale = [path.name for path, text in page.render(Results(LATEST)).items() if path.read_text() != text]
sys.exit(f"written by hand or not written anew: {stale}; python3 dev.py bench --page" if stale else 0)
"""


@pytest.mark.skipif(not RESULTS.exists(), reason="there are no results yet")
def test_the_page_is_made_from_the_results():
    done = subprocess.run([sys.executable, "-c", CHECK], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
