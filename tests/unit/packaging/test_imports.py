"""An import that would fail on the executors is an error before the first call."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

import pytest

from flamepy.errors import MissingModule
from flamepy.packaging.imports import check_target_imports
from flamepy.packaging.plan import make_plan
from flamepy.packaging.project import Project

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Check = Callable[..., None]


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Check]:
    """Return a function that writes a project, imports a module of it, and checks that against the package."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(tmp_path))

    def run(files: dict[str, str], target: str, *excludes: str) -> None:
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        importlib.invalidate_caches()
        importlib.import_module(target)
        check_target_imports(make_plan(Project(folder=str(tmp_path.resolve())), excludes), target)

    yield run
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_a_complete_package_passes(check: Check) -> None:
    check({"fi_app.py": "import json\nfrom fi_lib import x\n", "fi_lib/__init__.py": "x = 1\n"}, "fi_app")


def test_an_excluded_import_is_named_with_line_and_rule(check: Check, tmp_path: Path) -> None:
    files = {
        "fi_app.py": "import fi_a.b\n",
        "fi_a/__init__.py": "",
        "fi_a/b.py": "\n\nfrom .gen import VALUE\n",
        "fi_a/gen.py": "VALUE = 1\n",
        ".gitignore": "gen.py\n",
    }
    with pytest.raises(MissingModule) as caught:
        check(files, "fi_app")
    error = caught.value
    assert "lacks the module 'fi_a.gen' (fi_a/gen.py), which fi_a/b.py, line 3, imports" in str(error)
    assert "'gen.py' (.gitignore line 1)" in str(error)
    assert "'!/fi_a/gen.py'" in str(error)
    assert (error.name, error.path, error.line) == ("fi_a.gen", str(tmp_path / "fi_a/b.py"), 3)
    assert (error.rule, error.origin) == ("gen.py", ".gitignore line 1")
    assert isinstance(error, ImportError)


@pytest.mark.parametrize(
    "source",
    [
        "from fi_p import sub\n",
        "import fi_p.sub as s\n",
        "from fi_p.sub import *\n",
        "class A:\n    from fi_p.sub import y\n",
        "try:\n    import fi_p.sub\nexcept ValueError:\n    pass\n",
        "try:\n    pass\nexcept ImportError:\n    pass\nfinally:\n    import fi_p.sub\n",
        "import contextlib\nwith contextlib.nullcontext():\n    import fi_p.sub\n",
    ],
)
def test_every_way_to_import_is_seen(source: str, check: Check) -> None:
    files = {"fi_app.py": source, "fi_p/__init__.py": "", "fi_p/sub.py": "y = 1\n"}
    with pytest.raises(MissingModule, match=r"'fi_p\.sub' \(fi_p/sub\.py\), which fi_app\.py"):
        check(files, "fi_app", "sub.py")


@pytest.mark.parametrize(
    "source",
    [
        "try:\n    import fi_q\nexcept ImportError:\n    fi_q = None\n",
        "try:\n    import fi_q\nexcept (ValueError, ModuleNotFoundError):\n    fi_q = None\n",
        "try:\n    import fi_q\nexcept:\n    fi_q = None\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import fi_q\n",
        "def later():\n    import fi_q\n",
        "import sys\nif sys.version_info:\n    import fi_q\n",
    ],
)
def test_imports_that_may_fail_are_passed_over(source: str, check: Check) -> None:
    check({"fi_app.py": source, "fi_q.py": "", "fi_other.py": ""}, "fi_app", "fi_q.py")


def test_modules_that_the_target_does_not_import_do_not_matter(check: Check) -> None:
    importlib.import_module("json")
    with pytest.raises(MissingModule):
        check({"fi_alone.py": "", "fi_left.py": ""}, "fi_left", "fi_left.py")
    check({"fi_alone.py": ""}, "fi_alone", "fi_left.py")


def test_a_target_that_stays_behind_is_named(check: Check) -> None:
    with pytest.raises(MissingModule, match=r"lacks the module 'fi_app' \(fi_app\.py\)\. The rule 'fi_\*'"):
        check({"fi_app.py": ""}, "fi_app", "fi_*")


def test_a_module_written_after_packing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = make_plan(Project(folder=str(tmp_path.resolve())))
    (tmp_path / "fi_late.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.import_module("fi_late")
    try:
        with pytest.raises(MissingModule, match="enter the runner again"):
            check_target_imports(plan, "fi_late")
    finally:
        del sys.modules["fi_late"]


def test_modules_from_elsewhere_are_not_looked_at(check: Check) -> None:
    check({"fi_app.py": "import pytest, hypothesis, flamepy\n"}, "fi_app")
    check({"fi_app2.py": "import fi_app\n"}, "fi_app2")


def test_circles_end(check: Check) -> None:
    files = {"fi_one.py": "import fi_two\n", "fi_two.py": "import fi_one\nimport fi_gone\n", "fi_gone.py": ""}
    with pytest.raises(MissingModule, match=r"fi_two\.py, line 2"):
        check(files, "fi_one", "fi_gone.py")


def test_targets_without_a_file_pass(tmp_path: Path) -> None:
    plan = make_plan(Project(folder=str(tmp_path.resolve())))
    check_target_imports(plan, "sys")
    check_target_imports(plan, "no_such_module")
