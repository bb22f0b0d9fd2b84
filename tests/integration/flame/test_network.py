"""A client in another network namespace: it reaches the server by its address alone, and no folder of the server's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("grpc")

from servers import ServerProcess
from user_programs import register_this_python

if TYPE_CHECKING:
    from collections.abc import Iterator

OURS, THEIRS = "10.213.77.1", "10.213.77.2"

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


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=10)


@pytest.fixture(scope="module")
def namespace() -> Iterator[str]:
    """A network of its own, joined to this machine by a pair of interfaces."""
    if shutil.which("ip") is None:
        pytest.skip("needs the program ip (Debian: iproute2)")
    if os.geteuid() != 0:
        pytest.skip("only root may make network namespaces")
    name = f"flamepy-{os.getpid()}"
    ours, theirs = f"fl{os.getpid()}a", f"fl{os.getpid()}b"
    try:
        ip("netns", "add", name)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"this machine allows no network namespaces: {error.stderr.decode().strip()}")
    try:
        ip("link", "add", ours, "type", "veth", "peer", "name", theirs)
        ip("link", "set", theirs, "netns", name)
        ip("addr", "add", f"{OURS}/24", "dev", ours)
        ip("link", "set", ours, "up")
        ip("-n", name, "addr", "add", f"{THEIRS}/24", "dev", theirs)
        ip("-n", name, "link", "set", theirs, "up")
    except subprocess.CalledProcessError as error:
        ip("netns", "del", name)
        pytest.skip(f"this machine allows no pair of interfaces: {error.stderr.decode().strip()}")
    yield name
    ip("netns", "del", name)


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
        endpoint=f"http://{OURS}:0",
        cache=f"grpc://{OURS}:0",
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
        # A mount namespace hides the server's folders, as another machine would.
        command = f"mount -t tmpfs none {tmp_path / 'data'} && exec {sys.executable} main.py"
        done = subprocess.run(
            ["ip", "netns", "exec", namespace, "unshare", "--mount", "sh", "-c", command],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
    assert done.stdout.strip().endswith("done"), done.stdout + done.stderr
