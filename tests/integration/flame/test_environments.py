"""What a project requires is there where its tasks run, with uv and Python alone on the worker."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("grpc")
pytest.importorskip("uv")

from servers import ServerProcess
from user_programs import Program, register_this_python
from uv import find_uv_bin

pytestmark = pytest.mark.timeout(120)

SCRIPT = """
import sys
from flamepy import FlameContext, FlameRunner


def answer():
    import answer
    return answer.ANSWER


def has(module):
    from importlib.util import find_spec
    return find_spec(module) is not None


def prefix():
    return sys.prefix


if __name__ == "__main__":
    with FlameRunner("needy", context=FlameContext(template=TEMPLATE)) as runner:
        print(runner.service(answer)().get(timeout=90))
        print(runner.service(has)("numpy").get(timeout=90))
"""

NOTHING = SCRIPT.replace("print(runner.service(answer)().get(timeout=90))", "pass")


@pytest.fixture
def wheels(tmp_path: Path) -> dict[str, str]:
    """Variables with which uv finds a package that is installed nowhere, and no other."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    with zipfile.ZipFile(folder / "answer-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("answer.py", "ANSWER = 42\n")
        wheel.writestr("answer-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: answer\nVersion: 1.0\n")
        wheel.writestr("answer-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("answer-1.0.dist-info/RECORD", "answer.py,,\nanswer-1.0.dist-info/METADATA,,\n")
    return {
        "UV_OFFLINE": "1",
        "UV_NO_INDEX": "1",
        "UV_FIND_LINKS": str(folder),
        "UV_CACHE_DIR": str(tmp_path / "uv"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }


def needy(program: Program) -> None:
    (program.folder / "pyproject.toml").write_text(
        '[project]\nname = "needy"\nversion = "1"\ndependencies = ["answer"]\n'
    )


@pytest.mark.parametrize("links", [True, False], ids=["stream", "plain"])
def test_a_project_s_dependencies_are_installed(tmp_path, wheels, links):
    with ServerProcess(tmp_path / "data", environment=wheels) as server:
        template = None if links else register_this_python(server.endpoint)
        program = Program(tmp_path / "program", server)
        needy(program)
        assert program.run(SCRIPT.replace("TEMPLATE", repr(template)), links=links) == "42\nFalse\n"
        assert program.run(SCRIPT.replace("TEMPLATE", repr(template)), links=links) == "42\nFalse\n"
        assert len(list((tmp_path / "cache" / "flamepy" / "environments").glob("*/bin"))) == 1


@pytest.mark.parametrize("links", [True, False], ids=["stream", "plain"])
def test_a_project_that_requires_nothing_runs_with_what_is_there(tmp_path, wheels, links):
    with ServerProcess(tmp_path / "data", environment=wheels) as server:
        template = None if links else register_this_python(server.endpoint)
        assert Program(tmp_path / "program", server).run(NOTHING.replace("TEMPLATE", repr(template)), links=links) == (
            "True\n"
        )
        assert not (tmp_path / "cache" / "flamepy" / "environments").exists()


def test_a_package_that_cannot_be_had_is_said(tmp_path, wheels):
    with ServerProcess(tmp_path / "data", environment={**wheels, "UV_FIND_LINKS": ""}) as server:
        program = Program(tmp_path / "program", server)
        needy(program)
        with program.start(SCRIPT.replace("TEMPLATE", "None")) as process:
            _, errors = process.communicate(timeout=60)
    assert "EnvironmentFailed: uv cannot make the environment of" in errors
    assert "answer" in errors


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A Python that has its standard library and nothing else, not even what speaks to a cluster's cache."""
    folder = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    return folder / "bin" / "python"


def test_a_worker_needs_uv_and_python_alone(tmp_path, wheels, bare):
    with ServerProcess(tmp_path / "data", environment={**wheels, "PATH": "/usr/bin:/bin"}) as server:
        register(server, bare, UV=find_uv_bin())
        program = Program(tmp_path / "program", server)
        needy(program)
        (program.folder / "large.bin").write_bytes(os.urandom(5_000_000))
        assert program.run(SCRIPT.replace("TEMPLATE", "'bare'"), links=False) == "42\nFalse\n"


def test_a_worker_without_uv_says_so(tmp_path, wheels, bare):
    with ServerProcess(tmp_path / "data", environment={**wheels, "PATH": "/usr/bin:/bin"}) as server:
        register(server, bare)
        program = Program(tmp_path / "program", server)
        needy(program)
        with program.start(SCRIPT.replace("TEMPLATE", "'bare'"), links=False) as process:
            _, errors = process.communicate(timeout=60)
    assert f"needs uv, which is not installed on {os.uname().nodename}" in errors, errors
    assert "environment='current'" in errors


def register(server: ServerProcess, python: Path, **variables: str) -> None:
    from flamepy import FlameContext
    from flamepy.engines.select import frontend
    from flamepy.wire.proto import types_pb2 as types

    with frontend(FlameContext(endpoint=server.endpoint)) as connected:
        spec = types.ApplicationSpec(command=str(python), arguments=["-m", "none"])
        for name, value in {"FLAME_HOME": "/nowhere", **variables}.items():
            spec.environments.add(name=name, value=value)
        connected.register_application("bare", spec)
