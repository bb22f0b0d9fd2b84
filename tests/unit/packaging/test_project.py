"""Which folder is the project, seen from scripts, modules, the REPL and tools; each in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flamepy.errors import PackageError
from flamepy.packaging.project import find_project

SAY = """
import json
from flamepy.errors import PackageError
from flamepy.packaging.project import find_project
try:
    found = find_project()
    print(json.dumps([str(found.root), list(found.import_roots), found.cwd, found.main]))
except PackageError as error:
    print(json.dumps(str(error)))
"""


def python(*arguments: str, cwd: Path, home: Path, code: str | None = None, **variables: str) -> object:
    """Run Python in a folder and return what it says."""
    environment = {**os.environ, "HOME": str(home), **variables}
    command = [sys.executable, *arguments]
    done = subprocess.run(
        command, cwd=cwd, env=environment, input=code, capture_output=True, text=True, check=True, timeout=30
    )
    return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a home with a project in src layout, a script folder, and its working files."""
    home = tmp_path.resolve() / "home"
    project = home / "project"
    (project / "scripts").mkdir(parents=True)
    (project / "src" / "pkg").mkdir(parents=True)
    (project / "pyproject.toml").touch()
    (project / "src" / "pkg" / "__init__.py").touch()
    (project / "src" / "pkg" / "__main__.py").write_text(SAY)
    (project / "scripts" / "run.py").write_text(SAY)
    return home


def test_a_script_finds_the_marker_above_it(home: Path) -> None:
    project = home / "project"
    found = python(str(project / "scripts" / "run.py"), cwd=home, home=home)
    assert found == [str(project), ["scripts", "src", "."], ".", "scripts/run.py"]


def test_the_working_directory_inside_is_kept(home: Path) -> None:
    project = home / "project"
    found = python("run.py", cwd=project / "scripts", home=home)
    assert found == [str(project), ["scripts", "src", "."], "scripts", "scripts/run.py"]


def test_a_module_and_the_drivers_path_are_kept_in_order(home: Path) -> None:
    project = home / "project"
    found = python("-m", "pkg", cwd=project, home=home, PYTHONPATH=f"src{os.pathsep}scripts")
    assert found == [str(project), [".", "src", "scripts"], ".", "src/pkg/__main__.py"]


def test_without_a_script_the_working_directory_counts(home: Path) -> None:
    found = python("-", cwd=home / "project" / "scripts", home=home, code=SAY)
    assert found == [str(home / "project"), ["scripts", "src", "."], "scripts", None]


def test_a_tool_of_the_environment_is_no_script(home: Path) -> None:
    bin_folder = home / "env" / "bin"
    bin_folder.mkdir(parents=True)
    (home / "env" / "pyvenv.cfg").touch()
    (bin_folder / "tool").write_text(SAY)
    found = python(str(bin_folder / "tool"), cwd=home / "project", home=home)
    assert isinstance(found, list)
    assert (found[0], found[3]) == (str(home / "project"), None)


def test_without_a_marker_it_is_the_scripts_folder(home: Path) -> None:
    (home / "plain").mkdir()
    (home / "plain" / "run.py").write_text(SAY)
    found = python(str(home / "plain" / "run.py"), cwd=home, home=home)
    assert found == [str(home / "plain"), ["."], ".", "run.py"]


def test_a_home_is_never_packed_by_accident(home: Path) -> None:
    (home / ".git").mkdir()
    (home / "run.py").write_text(SAY)
    found = python("run.py", cwd=home, home=home)
    assert isinstance(found, str)
    assert f"the folder of run.py, {home}, is a home" in found
    assert 'FlameRunner(name, project="path/to/project")' in found
    (home / "plain").mkdir()
    (home / "plain" / "run.py").write_text(SAY)
    found = python("plain/run.py", cwd=home, home=home)
    assert isinstance(found, list)
    assert found[0] == str(home / "plain")  # a repository in the home directory is no project


@pytest.mark.parametrize("folder", ["/", "/usr", "/tmp"])
def test_system_folders_are_never_packed_by_accident(folder: str, home: Path) -> None:
    found = python("-", cwd=Path(folder), home=home, code=SAY)
    assert isinstance(found, str)
    assert "no project found: the working directory" in found


def test_a_folder_for_temporary_files_is_never_packed_by_accident(home: Path, tmp_path: Path) -> None:
    found = python("-", cwd=tmp_path, home=home, code=SAY, TMPDIR=str(tmp_path))
    assert isinstance(found, str)
    assert "no project found" in found


def test_an_environment_in_the_project_is_not_its_code(home: Path) -> None:
    project = home / "project"
    packages = project / ".venv" / "lib" / "python3" / "site-packages"
    packages.mkdir(parents=True)
    found = python(str(project / "scripts" / "run.py"), cwd=home, home=home, PYTHONPATH=str(packages))
    assert isinstance(found, list)
    assert found[1] == ["scripts", "src", "."]


def test_a_named_folder_is_taken_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find_project("~").root == tmp_path.resolve()
    assert find_project(tmp_path / "." / "..").root == tmp_path.resolve().parent


def test_a_wrong_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match=r"missing' is not a folder"):
        find_project(tmp_path / "missing")
    with pytest.raises(PackageError, match="root of the file system"):
        find_project("/")
