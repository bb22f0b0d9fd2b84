"""Who may import whom, and what an import costs."""

from __future__ import annotations

import ast
import configparser
import json
import os
import subprocess
import sys

import grimp
import pytest

from architecture import source

HEAVY = ("grpc", "pyarrow", "ray", "fsspec", "yaml", "asyncio", "cloudpickle", "rich", "typer", "numpy")


def contracts() -> configparser.ConfigParser:
    """The import contracts."""
    parser = configparser.ConfigParser()
    parser.read(source.ROOT / ".importlinter")
    return parser


def listed(section: str, option: str) -> set[str]:
    """A list of modules in one of the contracts."""
    return set(contracts()[f"importlinter:contract:{section}"][option].split())


def loaded_by(statement: str) -> set[str]:
    """The modules that a fresh process has loaded after a statement."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("COV", "PYTEST"))}
    script = f"{statement}\nimport sys, json; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def test_the_import_contracts_hold():
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command as run; run()",
            "--no-logo",
            "--no-cache",
        ],
        cwd=source.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_package_has_an_import_cycle():
    graph = grimp.build_graph("flamepy", exclude_type_checking_imports=True, cache_dir=None)
    packages = [name for name in graph.modules if graph.find_children(name)]
    to_cut = {cut for package in packages for cut in graph.nominate_cycle_breakers(package)}
    assert sorted(to_cut) == [], "an import inside a function counts, one under TYPE_CHECKING does not"


def test_every_driver_is_private():
    engines = source.SOURCE / "engines"
    found = {path.stem for path in engines.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    drivers = {f"flamepy.engines.{name}" for name in found - {"__init__", "port", "select", "linked", "administration"}}
    assert listed("drivers-are-private", "protected_modules") == drivers


@pytest.mark.parametrize("surface", ["server", "dashboard"])
def test_a_product_surface_has_a_contract(surface):
    if (source.SOURCE / surface).exists():
        assert f"flamepy.{surface}" in listed("surfaces-see-the-port", "source_modules")


def test_import_flamepy_is_light():
    assert loaded_by("import flamepy").isdisjoint(HEAVY)


def test_the_vocabulary_is_light():
    loaded = loaded_by("import flamepy.model.lifecycle, flamepy.model.snapshot, flamepy.model.specs, flamepy.errors")
    ours = {name for name in loaded if name.startswith("flamepy")}
    assert ours == {
        "flamepy",
        "flamepy.errors",
        "flamepy.model",
        "flamepy.model.lifecycle",
        "flamepy.model.record",
        "flamepy.model.snapshot",
        "flamepy.model.specs",
    }


SMALLEST_PROGRAM = """
import sys
before = set(sys.modules)
import flamepy, work
with flamepy.FlameRunner("start") as runner:
    assert runner.service(work.add)(1, 2).get() == 3
print(sorted(set(sys.modules) - before))
"""

NOT_TO_START = {
    *HEAVY,
    *("array", "ast", "concurrent.futures", "dataclasses", "hashlib", "inspect", "ipaddress", "json"),
    *("logging", "lzma", "math", "pathlib", "re", "shutil", "signal", "socket", "subprocess", "tempfile", "traceback"),
    *("typing", "urllib.parse"),
}
"""What the smallest program must not pay for: a millisecond here, two there, were half of its time."""


def test_the_smallest_program_loads_little(tmp_path):
    (tmp_path / "work.py").write_text("def add(a, b):\n    return a + b\n")
    script = tmp_path / "program.py"
    script.write_text(SMALLEST_PROGRAM)
    env = {name: value for name, value in os.environ.items() if not name.startswith(("COV", "PYTEST"))}
    done = subprocess.run([sys.executable, script], env=env, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert not NOT_TO_START.intersection(ast.literal_eval(done.stdout))


PACED = {
    "src/flamepy/runtime/loop.py",  # lets answers gather for a moment; waits for nothing
    "src/flamepy/cli/controlling.py",  # follows a file that grows, as tail -f does
    "src/flamepy/cli/pings.py",  # a task that takes as long as it was told to
}


def test_library_code_does_not_sleep_until_something_is_so():
    sleeps = [
        f"{path}:{line}"
        for path, module in source.modules().items()
        for line, name in source.calls(module)
        if name in {"time.sleep", "sleep"} and path not in PACED
    ]
    assert not sleeps, "wait for the event itself: a socket, a condition, a process's end"
