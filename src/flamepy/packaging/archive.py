"""Unpack a package safely: verified first, and nothing is ever written outside of its folder.

Used on both sides, so it needs only the standard library and `flamepy.errors`. The checks are ours, because tarfile's
extraction filters exist only in some patch levels of Python 3.10 and 3.11. Links are made last: no member is ever
written through one.
"""

from __future__ import annotations

import os
import zlib

from flamepy.errors import PackageError
from flamepy.packaging import tar
from flamepy.packaging.digest import CHUNK, sha256_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO, TypeVar

    from flamepy.packaging.tar import Member

    P = TypeVar("P", str, Path)


def unpack(archive: str | Path, target: P, *, sha256: str | None = None) -> P:
    """Unpack an archive into a new folder, all of it or nothing.

    Several processes may unpack the same archive to the same place at once: all of them get a complete folder.

    Args:
        archive: A ``.tar.gz`` file.
        target: The folder to make; if it exists, it is taken as unpacked before.
        sha256: Hex digest that the archive must have; None to skip that check.

    Returns:
        The target.

    Raises:
        PackageError: The archive has another digest, is damaged, or holds something that could end up outside of the
            folder: an absolute name, ``..``, a link that leaves, a device.
        OSError: The target cannot be written.

    Example:
        >>> unpack("test.tar.gz", "/tmp/flame/test")  # doctest: +SKIP
        '/tmp/flame/test'
    """
    folder = os.fspath(target)
    if os.path.exists(folder):
        return target
    verify(archive, sha256)
    above, name = os.path.split(folder)
    partial = os.path.join(above, f".{name}.{os.getpid()}.{os.urandom(4).hex()}")
    os.makedirs(partial)
    try:
        with open(archive, "rb") as file:
            _extract(Gunzip(file), partial)
        _put_in_place(partial, folder)
    finally:
        if os.path.exists(partial):
            _remove(partial)
    return target


def verify(archive: str | Path, sha256: str | None) -> None:
    """Compare an archive's digest.

    Raises:
        PackageError: The file is missing or has another digest than ``sha256``.
    """
    try:
        actual = sha256 and sha256_of(archive)
    except OSError as error:
        raise PackageError(f"the package {archive} cannot be read: {error.strerror}", path=_path(archive)) from error
    if actual != sha256:
        raise PackageError(
            f"the package {archive} is not the one that was announced: its SHA-256 is {actual}, not {sha256}. "
            "It was replaced or damaged; enter the runner again with overwrite=True",
            path=_path(archive),
            expected=sha256,
            actual=actual,
        )


def _path(path: str | Path) -> Path:
    from pathlib import Path

    return Path(path)


def _put_in_place(partial: str, target: str) -> None:
    try:
        os.rename(partial, target)
    except OSError:
        if not os.path.isdir(target):  # else another process was faster
            raise


def _remove(folder: str) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)


def _extract(stream: Gunzip, root: str) -> None:
    links: list[Member] = []
    made: set[str] = set()
    for member in tar.read_members(stream):
        path = _checked(member)
        if member.kind == "file":
            _make_folder(root, path.rpartition("/")[0], made)
            _write(stream, member, f"{root}/{path}")
        elif member.kind == "link":
            links.append(member)
        elif path:
            _make_folder(root, path, made)
    for member in links:
        path = _checked(member)
        _make_folder(root, path.rpartition("/")[0], made)
        _link(root, path, member)


def _checked(member: Member) -> str:
    """Return the member's path below the root, in plain form; empty for the root itself."""
    path = member.path
    parts = [part for part in path.split("/") if part not in {"", "."}]
    if path.startswith("/") or ".." in parts or "\0" in path or ("\\" in path and os.sep == "\\"):
        raise PackageError(f"the archive holds {path!r}, which would be written outside of its folder: refused")
    if member.kind == "other":
        raise PackageError(f"the archive holds {path!r}, which is no file, folder or symbolic link: refused")
    plain = "/".join(parts)
    if not plain and member.kind != "dir":
        raise PackageError("the archive holds a member without a name: refused")
    if member.kind == "link" and tar.leaves_tree(plain, member.target):
        raise PackageError(f"the archive holds the link {path!r} to {member.target!r}, outside of its folder: refused")
    return plain


def _make_folder(root: str, path: str, made: set[str]) -> None:
    if not path or path in made:
        return
    try:
        os.makedirs(f"{root}/{path}", exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise PackageError(f"the archive holds {path!r} both as a folder and as something else: refused") from error
    made.add(path)


def _write(stream: Gunzip, member: Member, target: str) -> None:
    mode = 0o755 if member.executable else 0o644
    try:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    except (FileExistsError, IsADirectoryError, NotADirectoryError) as error:
        raise PackageError(f"the archive holds {member.path!r} twice: refused") from error
    with open(descriptor, "wb", buffering=0) as file:
        left = member.size
        while left > 0:
            chunk = stream.read(min(left, CHUNK))
            view = memoryview(chunk)
            while view:
                view = view[file.write(view) :]
            left -= len(chunk)
    stream.read(len(tar.padding(member.size)))


def _link(root: str, path: str, member: Member) -> None:
    parent = os.path.dirname(f"{root}/{path}")
    if os.path.realpath(parent) != os.path.join(os.path.realpath(root), *path.split("/")[:-1]):
        raise PackageError(f"the archive holds {path!r} behind a link: refused")
    try:
        os.symlink(member.target, f"{root}/{path}")
    except FileExistsError as error:
        raise PackageError(f"the archive holds {path!r} twice: refused") from error


class Gunzip:
    """Uncompressed bytes of a gzip file, in the amounts that were asked for."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._inflate = zlib.decompressobj(16 + zlib.MAX_WBITS)
        self._input = b""
        self._buffer = bytearray()

    def read(self, size: int, /) -> bytes:
        """Return exactly ``size`` bytes.

        Raises:
            PackageError: The file ends before, or is no gzip file.
        """
        while len(self._buffer) < size:
            self._fill(size - len(self._buffer))
        data = bytes(memoryview(self._buffer)[:size])
        del self._buffer[:size]
        return data

    def _fill(self, wanted: int) -> None:
        if self._inflate.eof:  # further gzip members may follow
            self._input = self._inflate.unused_data + self._input
            self._inflate = zlib.decompressobj(16 + zlib.MAX_WBITS)
        self._input = self._input or self._file.read(CHUNK)
        if not self._input:
            raise PackageError("the archive is damaged: it ends too early")
        try:
            self._buffer += self._inflate.decompress(self._input, max(wanted, CHUNK))
        except zlib.error as error:
            raise PackageError(f"the archive is damaged: {error}") from error
        self._input = self._inflate.unconsumed_tail
