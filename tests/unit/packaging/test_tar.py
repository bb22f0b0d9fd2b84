"""Our tar headers and those of the standard library are the same language."""

from __future__ import annotations

import io
import tarfile

import pytest

from flamepy.errors import PackageError
from flamepy.packaging import tar

LONG = "d" * 90 + "/" + "n" * 90
MEMBERS = [
    tar.Member(path="a", kind="file"),
    tar.Member(path="x" * 100, kind="file"),
    tar.Member(path="x" * 101, kind="file"),
    tar.Member(path=LONG, kind="file", executable=True),
    tar.Member(path=f"{'p' * 160}/b", kind="dir"),
    tar.Member(path="é" * 80, kind="link", target="t" * 300),
    tar.Member(path="link", kind="link", target="../a"),
]


def test_tarfile_reads_what_we_write() -> None:
    data = b"".join(map(tar.header, MEMBERS)) + tar.END
    with tarfile.open(fileobj=io.BytesIO(data)) as other:
        found = [(member.name, member.linkname, member.mode) for member in other]
    modes = [0o755 if member.executable or member.kind == "dir" else 0o644 for member in MEMBERS]
    assert found == [(member.path, member.target, mode) for member, mode in zip(MEMBERS, modes, strict=True)]


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_we_read_what_tarfile_writes(form: int) -> None:
    kinds = {"file": tarfile.REGTYPE, "dir": tarfile.DIRTYPE, "link": tarfile.SYMTYPE}
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as other:
        for member in MEMBERS:
            info = tarfile.TarInfo(member.path)
            info.type, info.linkname = kinds[member.kind], member.target
            info.mode = 0o755 if member.executable else 0o644
            other.addfile(info)
    stream.seek(0)
    found = [member._replace(path=member.path.rstrip("/")) for member in tar.read_members(stream)]
    assert found == MEMBERS


def test_sizes_beyond_octal_are_kept() -> None:
    member = tar.Member(path="huge", kind="file", size=9 << 30)
    data = tar.header(member) + tar.END
    assert next(tar.read_members(io.BytesIO(data))) == member
    with tarfile.open(fileobj=io.BytesIO(data)) as other:
        first = other.next()
        assert first is not None
        assert first.size == 9 << 30


@pytest.mark.parametrize(
    ("position", "value", "message"),
    [(0, b"z", "checksum is wrong"), (148, b"zzzzzz", "no number"), (124, b"9", "no number")],
)
def test_damaged_headers_are_errors(position: int, value: bytes, message: str) -> None:
    block = bytearray(tar.header(MEMBERS[0]))
    block[position : position + len(value)] = value
    if position == 124:
        block[148:156] = b"%06o\0 " % tar._checksum(block)
    with pytest.raises(PackageError, match=message):
        next(tar.read_members(io.BytesIO(bytes(block) + tar.END)))


@pytest.mark.parametrize(
    ("path", "target", "leaves"),
    [
        ("a", "b", False),
        ("a/b", "../c", False),
        ("a/b", "..", False),
        ("a", "..", True),
        ("a/b", "../../c", True),
        ("a", "/etc", True),
        ("a", "b/../c", True),
        ("a", "", True),
        ("a", ".", False),
        ("a/b", "./../c//d/.", False),
    ],
)
def test_links_that_could_leave(path: str, target: str, leaves: bool) -> None:
    assert tar.leaves_tree(path, target) is leaves
