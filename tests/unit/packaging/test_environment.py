"""Environments are built once per set of requirements, with real uv and without a network."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import zipfile
from typing import TYPE_CHECKING

import pytest

from flamepy.errors import EnvironmentFailed, PackageError
from flamepy.packaging.environment import resolve_environment
from flamepy.packaging.requirements import find_requirements, requires_something

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project that requires a wheel which lies beside it."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    with zipfile.ZipFile(wheels / "answer-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("answer.py", "ANSWER = 42\n")
        wheel.writestr("answer-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: answer\nVersion: 1.0\n")
        wheel.writestr("answer-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("answer-1.0.dist-info/RECORD", "answer.py,,\nanswer-1.0.dist-info/METADATA,,\n")
    root = tmp_path / "project"
    root.mkdir()
    (root / "requirements.txt").write_text("answer\n")
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(wheels))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    return root


def run(python: str, code: str) -> str:
    """Run code in an environment."""
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_the_current_environment_is_the_clients_own(tmp_path: Path) -> None:
    assert resolve_environment("current", tmp_path) is None
    assert resolve_environment(None, tmp_path) is None
    with pytest.raises(PackageError, match="'conda' is unknown"):
        resolve_environment("conda", tmp_path)


def test_an_environment_has_the_requirements_and_our_own_code(project: Path, tmp_path: Path) -> None:
    said: list[str] = []
    python = resolve_environment("uv", project, cache=tmp_path / "cache", report=said.append)
    assert python is not None
    assert run(python, "import answer; print(answer.ANSWER)") == "42"
    assert run(python, "import flamepy.errors, cloudpickle; print(cloudpickle.__version__ > '3')") == "True"
    assert run(python, "import sys; print(sys.version)") == sys.version
    assert any("answer" in line for line in said)


def test_the_second_time_it_is_found(project: Path, tmp_path: Path) -> None:
    first = resolve_environment("uv", project, cache=tmp_path / "cache")
    said: list[str] = []
    assert resolve_environment("uv", project, cache=tmp_path / "cache", report=said.append) == first
    assert said == []
    (project / "requirements.txt").write_text("answer>=1\n")
    assert resolve_environment("uv", project, cache=tmp_path / "cache") != first


def test_many_that_want_it_at_once_get_one(project: Path, tmp_path: Path) -> None:
    found: list[str | None] = []
    said: list[str] = []

    def want() -> None:
        found.append(resolve_environment("uv", project, cache=tmp_path / "cache", report=said.append))

    threads = [threading.Thread(target=want) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert len(found) == 3
    assert sum("+ answer==1.0" in line for line in said) == 1


def test_a_pyproject_alone_gives_its_dependencies(project: Path, tmp_path: Path) -> None:
    (project / "requirements.txt").unlink()
    (project / "pyproject.toml").write_text('[project]\nname = "p"\nversion = "1"\ndependencies = ["answer"]\n')
    python = resolve_environment("uv", project, cache=tmp_path / "cache")
    assert python is not None
    assert run(python, "import answer; print(answer.ANSWER)") == "42"


def test_a_lock_wins(project: Path, tmp_path: Path) -> None:
    (project / "pyproject.toml").write_text(
        f'[project]\nname = "p"\nversion = "1"\nrequires-python = ">=3.10"\ndependencies = ["answer"]\n'
        f'[tool.uv]\nfind-links = ["{tmp_path / "wheels"}"]\nno-index = true\n'
    )
    subprocess.run(["uv", "lock", "-q"], cwd=project, check=True, env={**os.environ, "PATH": _path()})
    assert find_requirements(project).path.name == "uv.lock"
    python = resolve_environment("uv", project, cache=tmp_path / "cache")
    assert python is not None
    assert run(python, "import answer; print(answer.ANSWER)") == "42"


def test_a_failed_build_says_what_uv_said_and_leaves_nothing(project: Path, tmp_path: Path) -> None:
    (project / "requirements.txt").write_text("no-such-package-anywhere\n")
    with pytest.raises(EnvironmentFailed, match="no-such-package-anywhere") as caught:
        resolve_environment("uv", project, cache=tmp_path / "cache")
    assert "no-such-package-anywhere" in str(caught.value.output)
    assert [path.suffix for path in (tmp_path / "cache" / "environments").iterdir()] == [".lock"]


def test_a_project_without_requirements_is_told_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match=r"no uv\.lock, pyproject\.toml or requirements\.txt"):
        resolve_environment("uv", tmp_path, cache=tmp_path / "cache")


def _path() -> str:
    return os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", "")])


@pytest.mark.parametrize(
    ("name", "text", "something"),
    [
        ("pyproject.toml", '[project]\nname = "p"\n', False),
        ("pyproject.toml", "[project]\ndependencies = []\n", False),
        ("pyproject.toml", '[project]\ndependencies = [\n  "numpy",\n]\n', True),
        ("pyproject.toml", '[project]\ndynamic = ["version", "dependencies"]\n', True),
        ("pyproject.toml", "[tool.ruff]\n", False),
        ("requirements.txt", "# none\n\n", False),
        ("requirements.txt", "numpy\n", True),
        ("uv.lock", 'version = 1\n[[package]]\nname = "p"\nsource = { virtual = "." }\n', False),
        ("uv.lock", '[[package]]\nname = "p"\nsource = { registry = "https://pypi.org/simple" }\n', True),
        ("setup.cfg", "[metadata]\n", False),
    ],
)
def test_whether_there_is_anything_to_install(tmp_path: Path, name: str, text: str, something: bool) -> None:
    (tmp_path / name).write_text(text)
    assert requires_something(tmp_path) is something
