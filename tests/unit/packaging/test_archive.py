"""Unpacking: verified, atomic, and refusing what could do harm."""

from __future__ import annotations

import gzip
import io
import tarfile
import threading
from typing import TYPE_CHECKING

import pytest

from flamepy.errors import PackageError
from flamepy.packaging.archive import unpack, verify
from flamepy.packaging.digest import new_sha256, sha256_of

if TYPE_CHECKING:
    from pathlib import Path


def archive_of(path: Path, *members: tuple[str, bytes, str]) -> Path:
    """Write an archive of (name, type, link or content)."""
    with tarfile.open(path, "w:gz") as tar:
        for name, kind, text in members:
            info = tarfile.TarInfo(name)
            info.type = kind
            if kind == tarfile.REGTYPE:
                info.size = len(text)
            else:
                info.linkname = text
            tar.addfile(info, io.BytesIO(text.encode()))
    return path


FILE, DIR, LINK, HARD = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([("../x", FILE, "")], "outside of its folder"),
        ([("/x", FILE, "")], "outside of its folder"),
        ([("a/../../x", FILE, "")], "outside of its folder"),
        ([("l", LINK, "/etc")], "the link 'l' to '/etc'"),
        ([("l", LINK, "..")], "the link 'l'"),
        ([("l", LINK, "."), ("m", LINK, "l/l/../..")], "the link 'm'"),
        ([("l", LINK, "d"), ("l/x", FILE, "")], "twice|behind a link|both as"),
        ([("d/e", DIR, ""), ("l", LINK, "d/e"), ("l/m", LINK, "../x")], "twice|behind a link|both as"),
        ([("x", FILE, ""), ("x", FILE, "")], "twice"),
        ([("x", FILE, ""), ("x/y", FILE, "")], "both as a folder"),
        ([("x", DIR, ""), ("x", FILE, "")], "twice"),
        ([("x", FILE, ""), ("x", LINK, "y")], "twice"),
        ([("x", FILE, ""), ("h", HARD, "x")], "no file, folder or symbolic link"),
        ([("p", tarfile.FIFOTYPE, "")], "no file, folder or symbolic link"),
        ([("d", tarfile.CHRTYPE, "")], "no file, folder or symbolic link"),
        ([(".", FILE, "")], "without a name"),
    ],
)
def test_harmful_archives_are_refused_whole(
    members: list[tuple[str, bytes, str]], message: str, tmp_path: Path
) -> None:
    archive = archive_of(tmp_path / "a.tar.gz", ("good.py", FILE, "x"), *members)
    with pytest.raises(PackageError, match=message):
        unpack(archive, tmp_path / "out" / "here")
    assert list((tmp_path / "out").iterdir()) == []


def test_the_digest_is_checked_first(tmp_path: Path) -> None:
    archive = archive_of(tmp_path / "a.tar.gz", ("x", FILE, "y"))
    with pytest.raises(PackageError, match="is not the one that was announced"):
        unpack(archive, tmp_path / "out", sha256="0" * 64)
    assert not (tmp_path / "out").exists()
    unpack(archive, tmp_path / "out", sha256=sha256_of(archive))
    assert (tmp_path / "out" / "x").read_text() == "y"


def test_a_missing_archive_is_named(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match=r"a\.tar\.gz cannot be read: No such file"):
        verify(tmp_path / "a.tar.gz", "0" * 64)


@pytest.mark.parametrize(
    "data",
    [b"", b"no gzip", gzip.compress(b"no tar" * 100, mtime=0)[:-20], gzip.compress(b"x" * 2000, mtime=0)],
    ids=["empty", "text", "cut", "no tar"],
)
def test_what_is_no_archive_is_an_error(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.tar.gz").write_bytes(data)
    with pytest.raises(PackageError, match="damaged"):
        unpack(tmp_path / "a.tar.gz", tmp_path / "out")
    assert {path.name for path in tmp_path.iterdir()} == {"a.tar.gz"}


def test_archives_in_several_gzip_members_are_read(tmp_path: Path) -> None:
    plain = gzip.decompress(archive_of(tmp_path / "a.tar.gz", ("x", FILE, "y" * 5000)).read_bytes())
    (tmp_path / "b.tar.gz").write_bytes(gzip.compress(plain[:1000]) + gzip.compress(plain[1000:]))
    assert (unpack(tmp_path / "b.tar.gz", tmp_path / "out") / "x").read_text() == "y" * 5000


def test_many_may_unpack_at_once(tmp_path: Path) -> None:
    names = [f"pkg/m{number}.py" for number in range(50)]
    archive = archive_of(tmp_path / "a.tar.gz", *((name, FILE, name) for name in names))
    start = threading.Barrier(4)
    complete: list[bool] = []

    def work() -> None:
        start.wait()
        target = unpack(archive, tmp_path / "cache" / "x")
        complete.append(all((target / name).read_text() == name for name in names))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert complete == [True] * 4
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["x"]


def test_both_ways_to_hash_agree() -> None:
    for size in (0, 10, 1 << 30):
        digest = new_sha256(size)
        digest.update(b"abc")
        assert digest.hexdigest() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
