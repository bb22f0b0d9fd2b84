"""A client in another network namespace: it reaches the server by its address alone, and no folder of the server's."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("grpc")

from namespaces import network
from servers import ServerProcess
from user_programs import register_this_python

if TYPE_CHECKING:
    from collections.abc import Iterator

    from namespaces import Namespace

SCRIPT = """
import os
import numpy
from flamepy import FlameContext, FlameRunner


def mean(array):
    return float(array.mean())


def ones(size):
    return numpy.ones(size)


if __name__ == "__main__":
    context = FlameContext(environment="current", template=os.environ.get("TEMPLATE"))
    with FlameRunner("abroad", context=context) as runner:
        large = runner.put(numpy.arange(1_000_000.0))
        assert runner.service(mean)(large).get(timeout=40) == 499999.5
        assert runner.service(ones)(2_000_000).get(timeout=40).sum() == 2_000_000
    print("done")
"""


@pytest.fixture(scope="module")
def namespace() -> Iterator[Namespace]:
    with network() as made:
        yield made


@pytest.mark.timeout(120)
@pytest.mark.parametrize("links", ["1", "0"], ids=["stream", "plain"])
def test_the_package_goes_through_the_cluster_s_cache(namespace, tmp_path, links):
    folder = tmp_path / "program"
    folder.mkdir()
    (folder / "pyproject.toml").write_text('[project]\nname = "abroad"\nversion = "1"\n')
    (folder / "main.py").write_text(SCRIPT)
    token = "a token for the tests"
    with ServerProcess(
        tmp_path / "data",
        endpoint=f"http://{namespace.ours}:0",
        cache=f"grpc://{namespace.ours}:0",
        resources="cpu=16,mem=32g",
        environment={"FLAME_TOKEN": token},
    ) as server:
        environment = {
            **os.environ,
            "FLAME_ENDPOINT": server.endpoint,
            "FLAME_CACHE_ENDPOINT": server.cache,
            "FLAME_TOKEN": token,
            "FLAMEPY_FLAME_LINKS": links,
        }
        if links == "0":
            environment["TEMPLATE"] = register_this_python(server.endpoint, token)
        done = subprocess.run(
            namespace.command(sys.executable, "main.py", hidden=[tmp_path / "data"]),
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
    assert done.stdout.strip().endswith("done"), done.stdout + done.stderr
