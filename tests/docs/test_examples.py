"""The examples do what they say."""

from __future__ import annotations

import re
import sys

import pytest

from docs import pages


def example(name: str, *arguments: str) -> list[str]:
    """Run one of the examples; return the lines it printed."""
    done = pages.run([sys.executable, str(pages.ROOT / "examples" / name), *arguments], pages.ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def test_the_requirement_s_example_prints_its_numbers():
    assert example("rfe280.py") == ["3", "4", "14", "28"]


@pytest.mark.slow
def test_the_digits_search_finds_a_good_classifier():
    lines = example("digits_search.py", "--quick")
    progress = [line for line in lines if re.match(r" *\d+ of 4 ", line)]
    assert len(progress) == 4
    standings = [float(line.split()[0]) for line in lines[lines.index("") + 2 :]]
    assert standings[0] > 0.95
    assert standings == sorted(standings, reverse=True)
