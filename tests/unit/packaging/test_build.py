"""Archives: what is in them, and what happens to files that move under the packer."""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
from typing import TYPE_CHECKING

import pytest

from flamepy.errors import PackageError
from flamepy.packaging.build import build
from flamepy.packaging.manifest import HEAD_BYTES, MEMBER, Manifest, parse_head
from flamepy.packaging.plan import Plan, make_plan
from flamepy.packaging.project import Project

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """Return the plan of a small project."""
    (tmp_path / "pyproject.toml").write_text('[tool.x]\nname = "no"\n[project]\nversion = "1"\nname = "my-project"\n')
    (tmp_path / "main.py").write_text("print('hello')\n")
    (tmp_path / "run.sh").write_text("#!/bin/sh\n")
    (tmp_path / "run.sh").chmod(0o750)
    return make_plan(Project(folder=str(tmp_path.resolve())))


def test_any_tar_program_reads_an_archive(plan: Plan) -> None:
    data = build(plan, "test", version="1.2.3").stream
    data.seek(0)
    with tarfile.open(fileobj=io.BytesIO(data.read()), mode="r:gz") as tar:
        found = {member.name: (member.mode, member.mtime, member.uid, member.gid) for member in tar}
    assert found == {
        "main.py": (0o644, 0, 0, 0),
        "pyproject.toml": (0o644, 0, 0, 0),
        "run.sh": (0o755, 0, 0, 0),
        MEMBER: (0o644, 0, 0, 0),
    }


def test_the_manifest_stands_in_the_archive_and_at_its_head(plan: Plan) -> None:
    archive = build(plan, "test", version="1.2.3")
    data = archive.rewind().read()
    assert len(data) == archive.size
    manifest = parse_head(data[:HEAD_BYTES])
    assert manifest == archive.manifest
    assert (manifest.name, manifest.project, manifest.flamepy) == ("test", "my-project", "1.2.3")
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(data))) as tar:
        member = tar.extractfile(MEMBER)
        assert member is not None
        inside = json.load(member)
    assert inside.pop("format") == 1
    assert inside == {**manifest._asdict(), "body": "0" * 64}


def test_a_head_that_is_not_ours_has_no_manifest() -> None:
    assert parse_head(b"") is None
    assert parse_head(gzip.compress(b"x")) is None
    head = Manifest(name="a", project="", content="c", body="b", flamepy="1", python="3").gzip_header()
    assert parse_head(head) is not None
    assert parse_head(head.replace(b"content", b"contents")) is None
    assert parse_head(head[:40]) is None


def test_values_in_a_manifest_can_hold_nothing_that_needs_escapes() -> None:
    manifest = Manifest(name="a", project='x"\\\n\0é', content="c", body="b", flamepy="1", python="3")
    assert json.loads(manifest.to_json())["project"] == "x_____"


def test_progress_reaches_the_total(plan: Plan) -> None:
    seen: list[tuple[int, int]] = []
    build(plan, "test", version="1", progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (plan.total, plan.total)
    assert seen == sorted(seen)


def test_a_file_that_vanished_is_named(plan: Plan) -> None:
    (plan.project.root / "main.py").unlink()
    with pytest.raises(PackageError, match=r"main\.py vanished while the project was being packed"):
        build(plan, "test", version="1")


@pytest.mark.parametrize("content", ["longer than it was when it was planned", "x"])
def test_a_file_that_changed_is_named(plan: Plan, content: str) -> None:
    (plan.project.root / "main.py").write_text(content)
    with pytest.raises(PackageError, match=r"main\.py changed while it was being packed.*'/main\.py'"):
        build(plan, "test", version="1")


def test_a_file_that_became_a_link_is_refused(plan: Plan) -> None:
    (plan.project.root / "main.py").unlink()
    (plan.project.root / "main.py").symlink_to("/etc/passwd")
    with pytest.raises(PackageError, match=r"main\.py cannot be read"):
        build(plan, "test", version="1")


def test_a_file_that_became_a_folder_is_named(plan: Plan) -> None:
    (plan.project.root / "main.py").unlink()
    (plan.project.root / "main.py").mkdir()
    with pytest.raises(PackageError, match=r"main\.py cannot be read: Is a directory"):
        build(plan, "test", version="1")


def test_a_file_that_cannot_be_read_is_named(plan: Plan) -> None:
    (plan.project.root / "main.py").chmod(0)
    if os.access(plan.project.root / "main.py", os.R_OK):
        pytest.skip("this user may read everything")
    with pytest.raises(PackageError, match=r"main\.py cannot be read: Permission denied.*leave it out"):
        build(plan, "test", version="1")


def test_a_large_tree_is_built_in_a_file(tmp_path: Path) -> None:
    with (tmp_path / "zeros").open("wb") as file:
        file.truncate(40 << 20)
    archive = build(make_plan(Project(folder=str(tmp_path.resolve()))), "test", version="1")
    assert not isinstance(archive.stream, io.BytesIO)
    with archive.stream, tarfile.open(fileobj=archive.rewind(), mode="r:gz") as tar:
        assert tar.getmember("zeros").size == 40 << 20
