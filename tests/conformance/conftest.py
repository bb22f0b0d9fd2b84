"""The engine under test, and a project to run on it.

``FLAMEPY_TEST_ENGINE`` names the engine; `CONTEXTS` says how it is reached. This file is the only one here that knows
any engine.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import namespaces
import pytest
import webdav
from servers import ServerProcess

from flamepy import FlameAsyncRunner, FlameContext, FlamePackage, FlameRunner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).parent
SOURCES = HERE / "project" / "src"

_started = contextlib.ExitStack()
_cluster: list[str] = []
_storage_server: list[str] = []
_client: list[Path] = []

TEMPLATE = "this-python"
"""An application that starts the interpreter of the tests, with its packages; flmrun would install upstream's SDK."""


def client_folder() -> Path:
    """The folder of what only the client has: its programs and its storage. It is made when it is first asked for."""
    if not _client:
        folder = tempfile.TemporaryDirectory(prefix="flamepy-client-", ignore_cleanup_errors=True)
        _client.append(Path(_started.enter_context(folder)))
    return _client[0]


def cluster(**settings: Any) -> str:
    """The endpoint of a Flame cluster; its server is started when it is first asked for, and once per process."""
    if not _cluster:
        folder = tempfile.TemporaryDirectory(prefix="flamepy-cluster-", ignore_cleanup_errors=True)
        data = Path(_started.enter_context(folder)) / "data"
        server = _started.enter_context(ServerProcess(data, resources="cpu=100,mem=400g", **settings))
        from flamepy.engines.select import frontend
        from flamepy.wire.proto import types_pb2 as types

        with frontend(FlameContext(endpoint=server.endpoint)) as connected:
            spec = types.ApplicationSpec(command=sys.executable, arguments=["-m", "none"])
            connected.register_application(TEMPLATE, spec)
        _cluster.append(server.endpoint)
    return _cluster[0]


def on_flame(storage: Path) -> FlameContext:
    return flame(storage.as_uri())


def flame(storage: str) -> FlameContext:
    return FlameContext(endpoint=cluster(), package=FlamePackage(storage), environment="current", template=TEMPLATE)


def abroad(storage: Path) -> FlameContext:
    """A server in another network that sees no folder of the client's but those that tests give signs by."""
    if not _cluster:
        os.environ["FLAME_TOKEN"] = "of the tests"  # without one no server listens but to its own machine
        there = _started.enter_context(namespaces.network())
        hidden = [client_folder(), SOURCES.parent, Path("/dev/shm"), Path(os.environ["FLAMEPY_RUNTIME_DIR"])]
        addresses = {"endpoint": f"http://{there.theirs}:0", "cache": f"grpc://{there.theirs}:0"}
        cluster(wrapped=lambda command: there.command(*command, hidden=hidden), **addresses)
        _storage_server.append(_started.enter_context(webdav.serving(client_folder(), there.ours)))
    return flame(f"{_storage_server[0]}/{storage.relative_to(client_folder())}")


def as_ray_client(storage: Path) -> FlameContext:
    endpoint = f"ray://127.0.0.1:{os.environ['FLAMEPY_TEST_RAY_CLIENT']}"
    return FlameContext(endpoint=endpoint, package=FlamePackage(storage.as_uri()))


CONTEXTS: dict[str, Callable[[Path], FlameContext]] = {
    "local": lambda storage: FlameContext(endpoint="local://", package=FlamePackage(storage.as_uri())),
    "flame": on_flame,  # our server, by the stream that both ends know
    "flame-v1": on_flame,  # plain flame.v1, as on any cluster
    "flame-abroad": abroad,  # the same server as "flame", on what is another machine but for the processor
    "ray": lambda storage: FlameContext(endpoint="ray://", package=FlamePackage(storage.as_uri())),
    "ray-client": as_ray_client,  # `ray://host:port`, on nodes that can be reached
    "ray-relay": as_ray_client,  # and on nodes that cannot
}
"""For each engine how its context is made, given a folder for packages."""

ENGINE = os.environ.get("FLAMEPY_TEST_ENGINE", "local")
if ENGINE == "flame-v1":
    os.environ["FLAMEPY_FLAME_LINKS"] = "0"
if ENGINE == "ray-relay":
    os.environ["FLAMEPY_RAY_RELAY"] = "1"

sys.path.insert(0, str(SOURCES))
sys.modules.pop("workshop", None)

PASSED = pytest.StashKey[bool]()

_numbers = itertools.count(1)


def pytest_configure(config: pytest.Config) -> None:
    """Start the engine under test, if it does not run in our own process; workers of pytest-xdist share it."""
    needed = "RAY_ADDRESS" if ENGINE == "ray" else "FLAMEPY_TEST_RAY_CLIENT"
    if ENGINE.startswith("ray") and needed not in os.environ:
        from on_ray import cluster

        running = cluster.running(*([] if ENGINE == "ray" else ["--client"]))
        running.__enter__()
        config.add_cleanup(lambda: running.__exit__(None, None, None))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for mark in item.iter_markers("engine"):
            if ENGINE not in mark.args:
                item.add_marker(pytest.mark.skip(reason=f"only on {', '.join(mark.args)}: {mark.kwargs['why']}"))


@pytest.fixture(scope="session", autouse=True)
def server_of_the_tests() -> Iterator[None]:
    with _started:
        yield


@pytest.fixture
def storage() -> Path:
    """The folder that packages are stored in."""
    folder = client_folder() / f"storage-{next(_numbers)}"
    folder.mkdir()
    return folder


@pytest.fixture
def context(storage: Path) -> FlameContext:
    """The engine under test."""
    return CONTEXTS[ENGINE](storage)


@pytest.fixture(scope="session")
def project() -> Path:
    """The folder of the project that is shipped; it has a src layout."""
    return HERE / "project"


@pytest.fixture
def make_runner(context: FlameContext, project: Path) -> Callable[..., FlameRunner]:
    """Makes runners that are not entered yet."""

    def make(name: str | None = None, *, kind: type[FlameRunner] = FlameRunner, **settings: Any) -> FlameRunner:
        settings = {"context": context, "project": project, **settings}
        return kind(name or f"test-{next(_numbers)}", **settings)

    return make


@pytest.fixture
def runner(make_runner: Callable[..., FlameRunner], request: pytest.FixtureRequest) -> Iterator[FlameRunner]:
    """An open runner; after a failed test it does not wait for what is under way."""
    entered = make_runner().__enter__()
    yield entered
    error = None if request.node.stash.get(PASSED, True) else RuntimeError("the test failed")
    entered.__exit__(error and RuntimeError, error, None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    if call.when == "call":
        item.stash[PASSED] = report.passed
    return report


@pytest.fixture
def make_async_runner(make_runner: Callable[..., FlameRunner]) -> Callable[..., FlameAsyncRunner]:
    """Makes async runners that are not entered yet."""
    return lambda name=None, **settings: make_runner(name, kind=FlameAsyncRunner, **settings)


class Script:
    """A program of a user, in a project of its own; runs with the engine under test."""

    def __init__(self, folder: Path, storage: Path) -> None:
        self.folder = folder
        self.storage = storage
        folder.mkdir()
        (folder / "pyproject.toml").write_text('[project]\nname = "script"\nversion = "1"\n')
        context = CONTEXTS[ENGINE](storage)
        (folder / "flame.yaml").write_text(
            "current-cluster: test\n"
            "clusters:\n"
            "  - name: test\n"
            f'    endpoint: "{context.endpoint}"\n'
            "    package:\n"
            f'      - storage: "{context.package.storage}"\n'
            + (f"    environment: {context.environment}\n" if context.environment else "")
            + (f"    runner:\n      template: {context.template}\n" if context.template else "")
        )

    def write(self, text: str, name: str = "main.py") -> Path:
        """Write a file of the project."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def run(self, *args: str, stdin: str | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run ``python *args`` in the project's folder."""
        done = subprocess.run(
            [sys.executable, *args],
            cwd=self.folder,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )
        if check and done.returncode:
            pytest.fail(f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def run_text(self, text: str, **settings: Any) -> subprocess.CompletedProcess[str]:
        """Write ``main.py`` and run it."""
        return self.run(str(self.write(text)), **settings)


@pytest.fixture
def script(storage: Path) -> Script:
    """A user's program."""
    return Script(client_folder() / f"program-{next(_numbers)}", storage)
