"""What goes into a package, what stays behind and why."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from flamepy.errors import PackageError, PackageTooLarge
from flamepy.packaging.plan import MIB, Plan, format_bytes, make_plan
from flamepy.packaging.project import Project

if TYPE_CHECKING:
    from pathlib import Path


def write(root: Path, *names: str) -> None:
    """Make files."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)


def plan_of(root: Path, *excludes: str) -> Plan:
    """Plan a folder."""
    return make_plan(Project(folder=str(root.resolve())), excludes)


def packed(plan: Plan) -> list[str]:
    """Return the files of a plan."""
    return [entry.path for entry in plan.entries if entry.kind != "dir"]


def reasons(plan: Plan) -> dict[str, str]:
    """Return the exclusions of a plan."""
    return {excluded.path: f"{excluded.rule} ({excluded.origin})" for excluded in plan.excluded}


def test_the_documents_defaults_stay_behind(tmp_path: Path) -> None:
    write(tmp_path, "main.py", ".vent/x", ".venv/x", "a/__pycache__/x.pyc", "b.pyc", ".git/config")
    (tmp_path / ".gitignore").touch()
    plan = plan_of(tmp_path)
    assert packed(plan) == ["main.py"]
    assert reasons(plan) == {
        name: f"{rule} (default)"
        for name, rule in {
            ".git/": ".git",
            ".gitignore": ".gitignore",
            ".vent/": ".vent",
            ".venv/": ".venv",
            "a/__pycache__/": "__pycache__",
            "b.pyc": "*.pyc",
        }.items()
    }


def test_each_exclusion_names_its_rule_and_where_it_stands(tmp_path: Path) -> None:
    write(tmp_path, "a.log", "b.pkl", "c.txt", "sub/d.txt", "sub/e.dat", "main.py")
    (tmp_path / ".gitignore").write_text("# logs\n*.log\n")
    (tmp_path / ".flameignore").write_text("/c.txt\n")
    (tmp_path / "sub" / ".gitignore").write_text("*.dat\n")
    plan = plan_of(tmp_path, "*.pkl")
    assert packed(plan) == ["main.py", "sub/d.txt"]
    assert reasons(plan) == {
        ".flameignore": ".flameignore (default)",
        ".gitignore": ".gitignore (default)",
        "a.log": "*.log (.gitignore line 2)",
        "b.pkl": "*.pkl (FlamePackage.excludes)",
        "c.txt": "/c.txt (.flameignore line 1)",
        "sub/.gitignore": ".gitignore (default)",
        "sub/e.dat": "*.dat (sub/.gitignore line 1)",
    }


def test_stronger_rules_take_in_again(tmp_path: Path) -> None:
    write(tmp_path, "a.log", "keep.log", "x.pyc", "generated.py")
    (tmp_path / ".gitignore").write_text("*.log\ngenerated.py\n")
    (tmp_path / ".flameignore").write_text("!generated.py\n")
    assert packed(plan_of(tmp_path, "!keep.log", "!*.pyc")) == ["generated.py", "keep.log", "x.pyc"]


def test_other_virtual_environments_stay_behind(tmp_path: Path) -> None:
    write(tmp_path, "my-env/pyvenv.cfg", "my-env/lib/x.py", "conda/conda-meta/history", "code/x.py")
    plan = plan_of(tmp_path)
    assert packed(plan) == ["code/x.py"]
    assert reasons(plan)["my-env/"] == "virtual environment (default)"
    assert packed(plan_of(tmp_path, "!my-env")) == ["code/x.py", "my-env/lib/x.py", "my-env/pyvenv.cfg"]


def test_only_real_build_outputs_stay_behind(tmp_path: Path) -> None:
    write(tmp_path, "dist/x-1.whl", "dist/x-1.tar.gz", "build/lib/x.py", "build/bdist.linux-x86_64/y")
    assert packed(plan_of(tmp_path)) == []
    write(tmp_path, "dist/module.py", "build/__init__.py")
    assert "dist/module.py" in packed(plan_of(tmp_path))
    assert "build/lib/x.py" in packed(plan_of(tmp_path))
    write(tmp_path, "pkg/dist/only.whl", "pkg/build/lib/z.py")
    assert {"pkg/dist/only.whl", "pkg/build/lib/z.py"} <= set(packed(plan_of(tmp_path)))


def test_links_inside_stay_links(tmp_path: Path) -> None:
    write(tmp_path, "data/file", "pkg/x.py")
    (tmp_path / "pkg" / "plain").symlink_to("../data/file")
    (tmp_path / "pkg" / "absolute").symlink_to(tmp_path.resolve() / "data")
    (tmp_path / "pkg" / "winding").symlink_to("../pkg/../data/file")
    (tmp_path / "dangling").symlink_to("nothing")
    links = {entry.path: entry.target for entry in plan_of(tmp_path).entries if entry.kind == "link"}
    assert links == {
        "dangling": "nothing",
        "pkg/absolute": "../data",
        "pkg/plain": "../data/file",
        "pkg/winding": "../data/file",
    }


def test_a_link_that_leaves_is_refused_unless_it_is_left_out(tmp_path: Path) -> None:
    root = tmp_path / "project"
    write(root, "main.py")
    (root / "data").symlink_to(tmp_path)
    with pytest.raises(PackageError, match=r"data is a link that leaves the project.*'/data' in \.flameignore"):
        plan_of(root)
    assert packed(plan_of(root, "/data")) == ["main.py"]


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(PackageError, match="pipe is a named pipe, which cannot be packed"):
        plan_of(tmp_path)
    assert packed(plan_of(tmp_path, "pipe")) == []


def test_a_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the path of a socket must be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("s")
        with pytest.raises(PackageError, match="is a socket"):
            plan_of(tmp_path)


def test_a_folder_that_cannot_be_listed_is_named(tmp_path: Path) -> None:
    write(tmp_path, "closed/x")
    (tmp_path / "closed").chmod(0)
    try:
        if os.access(tmp_path / "closed", os.R_OK):
            pytest.skip("this user may read everything")
        with pytest.raises(PackageError, match="closed cannot be listed"):
            plan_of(tmp_path)
    finally:
        (tmp_path / "closed").chmod(0o700)


def test_sizes_are_known_without_reading(tmp_path: Path) -> None:
    write(tmp_path, "small.py")
    for name, size in {"data/huge.bin": 150 * MIB, "data/big.bin": 20 * MIB}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        with (tmp_path / name).open("wb") as file:
            file.truncate(size)
    plan = plan_of(tmp_path)
    assert plan.total == 170 * MIB + len("small.py")
    assert [entry.path for entry in plan.largest(2)] == ["data/huge.bin", "data/big.bin"]
    assert plan.largest_folders() == [("data/", 170 * MIB, 2)]
    warning = plan.check_size()
    assert warning is not None
    assert "150.0 MiB  data/huge.bin" in warning
    assert ".flameignore" in warning
    with pytest.raises(PackageTooLarge, match=r"more than the limit of 160\.0 MiB") as caught:
        plan.check_size(limit=160 * MIB)
    assert caught.value.total == plan.total
    assert plan.check_size(limit=200 * MIB, warn=200 * MIB) is None


def test_why_a_path_stays_behind(tmp_path: Path) -> None:
    write(tmp_path, "secret/deep/key.py", "main.py")
    plan = plan_of(tmp_path, "secret/")
    found = plan.why_excluded("secret/deep/key.py")
    assert found is not None
    assert (found.path, found.rule, found.origin) == ("secret/", "secret/", "FlamePackage.excludes")
    assert plan.why_excluded("main.py") is None


def test_sizes_read_well() -> None:
    sizes = [0, 1023, 1536, 3 * MIB, 5000 * MIB, 5000 * 1024 * MIB]
    assert [format_bytes(size) for size in sizes] == ["0 B", "1023 B", "1.5 KiB", "3.0 MiB", "4.9 GiB", "5000.0 GiB"]


def test_an_ignore_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / ".flameignore").mkdir()
    with pytest.raises(PackageError, match=r"cannot read .*\.flameignore"):
        plan_of(tmp_path)
