"""dev.py needs Python alone, and passes on what the environment says."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from architecture import source

if TYPE_CHECKING:
    from types import ModuleType

SCRIPT = source.ROOT / "dev.py"


@pytest.fixture
def dev() -> ModuleType:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("dev", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_only_the_standard_library_is_imported():
    imported: set[str] = set()
    for node in ast.walk(ast.parse(SCRIPT.read_text())):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").partition(".")[0])
    assert imported <= sys.stdlib_module_names


def test_an_unknown_command_shows_the_known_ones():
    done = subprocess.run([sys.executable, SCRIPT, "tset"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "python3 dev.py demo" in done.stdout


def test_children_write_bytecode(dev: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    assert "PYTHONDONTWRITEBYTECODE" not in dev.environment()


def test_uv_gets_the_settings_of_pip(dev: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any):
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_INDEX_URL", "https://mirror.example/simple")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://one.example https://two.example")
    monkeypatch.setenv("PIP_FIND_LINKS", f"{tmp_path} /not/there")
    env = dev.uv_environment()
    assert env["UV_DEFAULT_INDEX"] == "https://mirror.example/simple"
    assert env["UV_INDEX"] == "https://one.example https://two.example"
    assert env["UV_INDEX_STRATEGY"] == "unsafe-best-match"
    assert env["UV_FIND_LINKS"] == str(tmp_path)


def test_uv_s_own_settings_win(dev: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PIP_INDEX_URL", "https://mirror.example/simple")
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://own.example/simple")
    assert dev.uv_environment()["UV_DEFAULT_INDEX"] == "https://own.example/simple"


def test_a_settled_environment_is_left_alone(dev: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any):
    installed: list[str] = []
    monkeypatch.setattr(dev, "VENV", tmp_path)
    monkeypatch.setattr(dev, "PYTHON", sys.executable)
    monkeypatch.setattr(dev, "install", installed.append)
    for group in ("demo", "demo", "dev", "demo", "dev"):
        dev.prepare(group)
    assert installed == ["demo", "dev"]
