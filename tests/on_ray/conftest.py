from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).parents[1] / "conformance" / "project"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = str(Path(__file__).parent)
    if os.environ.get("FLAMEPY_TEST_ENGINE") != "ray":
        for item in items:
            if str(item.path).startswith(here):
                item.add_marker(pytest.mark.skip(reason="needs a Ray cluster: FLAMEPY_TEST_ENGINE=ray"))


@pytest.fixture(scope="session")
def ray_address() -> Iterator[str]:
    """A real Ray of two nodes: the one of the whole test run, or one of our own."""
    from on_ray import cluster

    with ExitStack() as stack:
        if "RAY_ADDRESS" not in os.environ:
            stack.enter_context(cluster.running())
        yield os.environ["RAY_ADDRESS"]


@pytest.fixture
def runner(ray_address: str, tmp_path: Path):
    from flamepy import FlameContext, FlamePackage, FlameRunner

    context = FlameContext(endpoint="ray://", package=FlamePackage(tmp_path.as_uri()))
    with FlameRunner("on-ray", context=context, project=PROJECT) as entered:
        yield entered
