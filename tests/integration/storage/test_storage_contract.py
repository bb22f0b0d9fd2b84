"""What every storage does alike."""

from __future__ import annotations

import io
import threading
from typing import TYPE_CHECKING

import pytest

from flamepy.errors import ConfigError, PackageError, StorageError
from flamepy.packaging.archive import unpack
from flamepy.packaging.build import Archive, build
from flamepy.packaging.plan import make_plan
from flamepy.packaging.project import Project
from flamepy.packaging.storage.select import open_storage

if TYPE_CHECKING:
    from pathlib import Path

    from flamepy.packaging.storage.base import Storage


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a small project."""
    root = tmp_path / "project"
    root.mkdir()
    (root / "tasks.py").write_text("ANSWER = 42\n")
    return root


def pack(project: Path, name: str = "test") -> Archive:
    """Build a project's archive."""
    return build(make_plan(Project(folder=str(project))), name, version="1.2.3")


def store(storage: Storage, archive: Archive, *, overwrite: bool = False) -> bool:
    """Upload an archive under its own name."""
    return storage.upload(archive.manifest.name, archive.rewind(), archive.size, overwrite=overwrite)


def test_an_empty_storage_has_nothing(storage: Storage) -> None:
    assert storage.find("test") is None
    assert storage.delete("test") is False


def test_what_was_stored_is_found_and_fetched(storage: Storage, project: Path, tmp_path: Path) -> None:
    archive = pack(project)
    assert store(storage, archive) is True
    found = storage.find("test")
    assert found is not None
    assert found.manifest == archive.manifest
    assert found.size == archive.size
    assert found.url == storage.url_of("test")
    storage.download("test", tmp_path / "copy.tar.gz")
    unpack(tmp_path / "copy.tar.gz", tmp_path / "out", sha256=archive.sha256)
    assert (tmp_path / "out" / "tasks.py").read_text() == "ANSWER = 42\n"


def test_a_taken_name_is_left_alone(storage: Storage, project: Path) -> None:
    first = pack(project)
    store(storage, first)
    (project / "tasks.py").write_text("ANSWER = 43\n")
    second = pack(project)
    assert store(storage, second) is False
    found = storage.find("test")
    assert found is not None
    assert found.manifest == first.manifest


def test_overwrite_replaces(storage: Storage, project: Path) -> None:
    store(storage, pack(project))
    (project / "tasks.py").write_text("ANSWER = 43\n")
    second = pack(project)
    assert store(storage, second, overwrite=True) is True
    found = storage.find("test")
    assert found is not None
    assert found.manifest == second.manifest


def test_after_delete_nothing_is_left(storage: Storage, project: Path) -> None:
    store(storage, pack(project))
    assert storage.delete("test") is True
    assert storage.delete("test") is False
    assert storage.find("test") is None


def test_packages_are_listed_by_name(storage: Storage, project: Path) -> None:
    if storage.url.startswith("http"):
        with pytest.raises(StorageError, match="cannot be listed"):
            storage.list()
        return
    assert list(storage.list()) == []
    for name in ("b", "a"):
        store(storage, pack(project, name))
    listed = list(storage.list())
    assert [(package.name, package.url) for package in listed] == [
        ("a", storage.url_of("a")),
        ("b", storage.url_of("b")),
    ]
    assert all(package.size for package in listed)
    if not storage.url.startswith("grpc"):  # a cache does not say when
        assert all(package.modified for package in listed)


def test_progress_ends_at_the_total(storage: Storage, project: Path, tmp_path: Path) -> None:
    archive = pack(project)
    seen: list[tuple[int, int]] = []
    storage.upload("test", archive.rewind(), archive.size, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (archive.size, archive.size)
    seen.clear()
    storage.download("test", tmp_path / "copy", progress=lambda done, total: seen.append((done, total)))
    assert seen[-1][0] == archive.size


def test_fetching_what_is_not_there_is_an_error(storage: Storage, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"test\.tar\.gz"):
        storage.download("test", tmp_path / "copy")


def test_a_large_archive_arrives_whole(storage: Storage, tmp_path: Path) -> None:
    data = bytes(range(256)) * 4 * 12_000
    assert storage.upload("large", io.BytesIO(data), len(data)) is True
    storage.download("large", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == data


# Not http: whether two PUTs at the same moment mix is up to the server.
@pytest.mark.parametrize("storage", ["file", "s3", "memory"], indirect=True)
def test_of_many_that_store_at_once_one_wins_whole(storage: Storage, tmp_path: Path) -> None:
    contents = [bytes([number]) * 300_000 for number in range(4)]
    start = threading.Barrier(len(contents))
    won: list[bytes] = []

    def upload(content: bytes) -> None:
        mine = open_storage(storage.url)
        start.wait()
        if mine.upload("test", io.BytesIO(content), len(content)):
            won.append(content)

    threads = [threading.Thread(target=upload, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    storage.download("test", tmp_path / "copy")
    stored = (tmp_path / "copy").read_bytes()
    assert stored in contents
    assert stored in won
    if storage.url.startswith(("file", "s3")):
        assert won == [stored]


def test_an_archive_of_another_program_has_no_manifest(storage: Storage) -> None:
    storage.upload("test", io.BytesIO(b"\x1f\x8b\x08\0 something else"), 19)
    found = storage.find("test")
    assert found is not None
    assert found.manifest is None


@pytest.mark.parametrize("url", ["nfs4://host/x", "s4://bucket"])
def test_an_unknown_scheme_names_the_known_ones(url: str) -> None:
    with pytest.raises(ConfigError, match=r"file://.*s3://"):
        open_storage(url)


def test_a_bucket_that_does_not_exist_is_an_error(s3_url: str, project: Path) -> None:
    assert s3_url
    with pytest.raises(StorageError, match="s3://no-such-bucket/x/test"):
        store(open_storage("s3://no-such-bucket/x"), pack(project))


def test_a_server_that_does_not_answer_is_an_error(project: Path) -> None:
    with pytest.raises(StorageError, match=r"http://127\.0\.0\.1:9/x/test\.tar\.gz failed"):
        store(open_storage("http://127.0.0.1:9/x"), pack(project))


def test_a_folder_that_the_server_lacks_is_named(http_url: str, project: Path) -> None:
    with pytest.raises(StorageError, match="no such folder"):
        store(open_storage(f"{http_url}/missing"), pack(project))


def test_a_login_is_sent_and_never_shown() -> None:
    storage = open_storage("https://user:secret@example.org/packages")
    assert storage.url_of("test") == "https://example.org/packages/test.tar.gz"
    assert "secret" not in storage.url


@pytest.mark.parametrize("name", ["", ".x", "-x", "a/b", "a..b", "x" * 254, "a b", "é", "a\n"])
def test_names_that_could_do_harm_are_refused(name: str, project: Path) -> None:
    with pytest.raises(PackageError, match="cannot be the name of a runner"):
        pack(project, name)
