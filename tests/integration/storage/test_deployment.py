"""A deployment puts a package into the storage and takes it away again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import warnings
from typing import TYPE_CHECKING

import pytest

from flamepy.context import FlameContext, FlamePackage
from flamepy.deployment import Deployment
from flamepy.errors import PackageError, PackageTooLarge, StorageError
from flamepy.packaging.archive import unpack
from flamepy.packaging.caches import user_cache
from flamepy.packaging.storage.select import open_storage

if TYPE_CHECKING:
    from pathlib import Path

    from flamepy.model.specs import PackageRef
    from flamepy.packaging.storage.base import Storage


@pytest.fixture(autouse=True)
def private_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test a per-user cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    return user_cache()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a small project."""
    root = tmp_path / "project"
    root.mkdir()
    (root / "tasks.py").write_text("ANSWER = 42\n")
    return root


def deployment(storage: Storage | None, project: Path, **settings: object) -> Deployment:
    """Return a deployment of the project, named test, for an engine on this machine."""
    package = None if storage is None else FlamePackage(storage.url)
    context = FlameContext(endpoint="local://", package=package)
    return Deployment("test", context, project=project, **settings)  # type: ignore[arg-type]


def text_of(package: PackageRef, target: Path) -> str:
    """Unpack a package as an executor does and read the module in it."""
    assert package.local_path is not None
    return (unpack(package.local_path, target, sha256=package.sha256) / "tasks.py").read_text()


def test_the_package_is_in_the_storage_inside_the_block_and_gone_after(
    storage: Storage, project: Path, tmp_path: Path
) -> None:
    with deployment(storage, project) as package:
        assert storage.find("test") is not None
        assert package.url == storage.url_of("test")
        assert text_of(package, tmp_path / "out") == "ANSWER = 42\n"
    assert storage.find("test") is None
    if storage.url.startswith("file"):
        assert os.listdir(storage.url.removeprefix("file://")) == []


def test_an_existing_package_is_used_with_a_warning_that_names_the_difference(
    storage: Storage, project: Path, tmp_path: Path
) -> None:
    with deployment(storage, project):
        (project / "tasks.py").write_text("ANSWER = 43\n")
        (project / "new.py").write_text("")
        second = deployment(storage, project)
        with pytest.warns(UserWarning, match=r"(?s)older code may run.*\+ new.py.*~ tasks.py.*overwrite=True"):
            package = second.open()
        assert second.reused
        assert text_of(package, tmp_path / "out") == "ANSWER = 42\n"
        second.close()
        assert storage.find("test") is not None
    assert storage.find("test") is None


def test_the_same_content_is_used_silently(storage: Storage, project: Path, tmp_path: Path) -> None:
    with deployment(storage, project) as first, warnings.catch_warnings():
        warnings.simplefilter("error")
        second = deployment(storage, project)
        package = second.open()
        assert second.reused
        assert package.sha256 == first.sha256
        assert text_of(package, tmp_path / "out") == "ANSWER = 42\n"
        second.close()
        assert storage.find("test") is not None


def test_the_second_of_two_keeps_its_copy_when_the_first_leaves(
    storage: Storage, project: Path, tmp_path: Path
) -> None:
    first, second = deployment(storage, project), deployment(storage, project)
    first.open()
    package = second.open()
    first.close()
    assert storage.find("test") is None
    assert text_of(package, tmp_path / "out") == "ANSWER = 42\n"
    second.close()
    assert package.local_path is not None
    assert not package.local_path.exists()


def test_overwrite_runs_the_new_code(storage: Storage, project: Path, tmp_path: Path) -> None:
    first = deployment(storage, project)
    first.open()
    (project / "tasks.py").write_text("ANSWER = 43\n")
    with deployment(storage, project, overwrite=True) as package:
        assert text_of(package, tmp_path / "out") == "ANSWER = 43\n"
        first.close()
        assert storage.find("test") is not None  # it is the second one's now
    assert storage.find("test") is None


def test_a_cluster_reads_a_known_package_without_fetching_it(storage: Storage, project: Path) -> None:
    context = FlameContext(endpoint="grpc://cluster:8080", package=FlamePackage(storage.url))
    with Deployment("test", context, project=project) as first:
        seen: list[str] = []
        second = Deployment("test", context, project=project, progress=lambda stage, *_: seen.append(stage))
        assert second.open().sha256 == first.sha256
        assert second.reused
        assert "fetching" not in seen
        second.close()


def test_without_a_storage_programs_of_one_name_do_not_meet(project: Path, tmp_path: Path) -> None:
    with deployment(None, project) as first:
        (project / "tasks.py").write_text("ANSWER = 43\n")
        second = deployment(None, project)
        package = second.open()
        assert not second.reused
        assert package.url != first.url
        assert text_of(package, tmp_path / "out") == "ANSWER = 43\n"
        second.close()
    assert list((user_cache() / "packages").iterdir()) == []


def test_what_a_killed_program_left_is_removed_by_the_next(project: Path) -> None:
    code = """
import os, signal, sys
from flamepy.context import FlameContext
from flamepy.deployment import Deployment
Deployment("test", FlameContext(), project=sys.argv[1]).open()
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", code, str(project)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(list((user_cache() / "packages").iterdir())) == 1
    with deployment(None, project) as package:
        assert package.local_path is not None
        assert list((user_cache() / "packages").iterdir()) == [package.local_path.parent]


def test_a_flame_cluster_keeps_packages_in_its_cache(project: Path, cache_url: str) -> None:
    context = FlameContext(endpoint="grpc://127.0.0.1:8080", cache=cache_url)
    with Deployment("test", context, project=project) as package:
        assert package.url == f"{cache_url}/test/pkg/test.tar.gz"
        assert open_storage(cache_url).find("test") is not None
    assert open_storage(cache_url).find("test") is None


@pytest.mark.parametrize("step", ["pack", "limit", "store"])
def test_a_step_that_fails_undoes_the_earlier_ones(step: str, project: Path, tmp_path: Path) -> None:
    context, limit = FlameContext(endpoint="local://"), 1000
    if step == "pack":
        os.mkfifo(project / "pipe")
    elif step == "limit":
        limit = 5
    else:
        (tmp_path / "file").write_text("")
        package = FlamePackage((tmp_path / "file").as_uri())
        context = FlameContext(endpoint="local://", package=package)
    with pytest.raises((PackageTooLarge, StorageError, PackageError)):
        Deployment("test", context, project=project, max_bytes=limit).open()
    packages = user_cache() / "packages"
    assert not packages.exists() or list(packages.iterdir()) == []


def test_the_constructor_does_nothing(tmp_path: Path) -> None:
    Deployment("test", FlameContext(endpoint="local://"), project=tmp_path / "missing").close()
    assert not user_cache().exists()


def test_a_failing_delete_is_a_warning_that_names_the_url(project: Path, tmp_path: Path) -> None:
    storage = open_storage((tmp_path / "storage").as_uri())
    one = deployment(storage, project)
    package = one.open()
    assert package.local_path is not None
    # The archive's name now leads to something that cannot be read as a file.
    package.local_path.unlink()
    package.local_path.mkdir()
    with pytest.warns(RuntimeWarning, match=r"storage/test\.tar\.gz could not be deleted"):
        one.close()
    one.close()


def test_the_users_error_is_not_masked_by_a_failing_delete(project: Path, tmp_path: Path) -> None:
    storage = open_storage((tmp_path / "storage").as_uri())

    def fail_inside() -> None:
        with deployment(storage, project) as package:
            assert package.local_path is not None
            package.local_path.unlink()
            package.local_path.mkdir()
            raise ZeroDivisionError

    with pytest.warns(RuntimeWarning), pytest.raises(ZeroDivisionError):
        fail_inside()


def test_progress_names_the_stages(storage: Storage, project: Path) -> None:
    seen: list[str] = []
    with deployment(storage, project, progress=lambda stage, *_: seen.append(stage)):
        assert list(dict.fromkeys(seen))[:2] == ["packing", "uploading"]


def test_excludes_of_the_context_are_followed(project: Path, tmp_path: Path) -> None:
    (project / "notes.log").write_text("x")
    package = FlamePackage((tmp_path / "storage").as_uri(), excludes=["*.log"])
    one = Deployment("test", FlameContext(endpoint="local://", package=package), project=project)
    with one as ref:
        assert ref.local_path is not None
        assert not (unpack(ref.local_path, tmp_path / "out") / "notes.log").exists()
    assert one.plan is not None
    assert [str(excluded) for excluded in one.plan.excluded] == ["notes.log: '*.log' (FlamePackage.excludes)"]
