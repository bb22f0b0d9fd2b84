"""Scenes for the fault tests."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from faults.scene import PROJECT, Scene

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "faults" in item.path.parts:
            item.add_marker("faults")


@pytest.fixture(autouse=True)
def project_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    if str(PROJECT) not in sys.path:
        monkeypatch.syspath_prepend(str(PROJECT))


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """A place for engines; after the test nothing of them may be left."""
    made = Scene(tmp_path)
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    yield made
    try:
        made.assert_clean()
    finally:
        made.kill_all()
