"""What a node needs: Ray and Python. flamepy comes along, and so does what the project requires, if asked."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pytest
from waiting import until

from flamepy import FlameContext, FlamePackage, FlameRunner
from on_ray import programs
from on_ray.conftest import PROJECT
from on_ray.test_nodes import a_node

if TYPE_CHECKING:
    from pathlib import Path

PATIENCE = 80


def where_flamepy_is() -> str:
    import flamepy.errors

    return flamepy.errors.__file__


ASK = """
import flamepy

def ask():
    import answer
    return answer.ANSWER

if __name__ == "__main__":
    with flamepy.FlameRunner("asking") as runner:
        print(runner.service(ask, instances=1)().exception(90) or runner.service(ask, instances=1)().get(90))
"""
UV = "    environment: uv\n"


def require(project: Path, wheel: Path) -> None:
    (project / "pyproject.toml").unlink()
    (project / "requirements.txt").write_text(f"answer @ {wheel.as_uri()}\n")


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_node_with_another_flamepy_gets_ours(ray_address: str, tmp_path: Path):
    other = tmp_path / "other" / "flamepy"
    other.mkdir(parents=True)
    (other / "__init__.py").write_text("raise ImportError('another flamepy')\n")
    variables = {"PYTHONPATH": str(other.parent), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    context = FlameContext(endpoint="ray://", package=FlamePackage(tmp_path.as_uri()))
    with (
        a_node(ray_address, env_vars=variables, bare=1),
        FlameRunner("shipping", context=context, project=PROJECT) as runner,
    ):
        until(lambda: runner._engine.carrier.resources.custom.get("bare"))
        service = runner.service(where_flamepy_is, instances=1, resources={"bare": 0.5})
        assert str(tmp_path / "cache" / "flamepy" / "sdk") in service().get(PATIENCE)


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_project_gets_what_it_requires(ray_address: str, tmp_path: Path):
    wheel = tmp_path / "answer-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as packed:
        packed.writestr("answer.py", "ANSWER = 42\n")
        packed.writestr("answer-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: answer\nVersion: 1.0\n")
        packed.writestr("answer-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        packed.writestr("answer-1.0.dist-info/RECORD", "answer.py,,\nanswer-1.0.dist-info/METADATA,,\n")
    project = programs.project(tmp_path / "project", ASK, more=UV)
    require(project, wheel)
    done = programs.run(project)
    assert "42" in done.stdout.splitlines(), done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_what_cannot_be_installed_is_said(ray_address: str, tmp_path: Path):
    project = programs.project(tmp_path / "project", ASK, more=UV)
    require(project, tmp_path / "none-1.0-py3-none-any.whl")
    done = programs.run(project)
    assert "uv cannot make the environment" in done.stdout, done.stdout + done.stderr
