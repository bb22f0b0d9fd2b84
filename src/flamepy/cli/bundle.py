"""What ``flmctl deploy`` uploads: a folder or program as one archive, the same bytes for the same files."""

from __future__ import annotations

import gzip
import hashlib
import os
import tarfile
import tempfile
from pathlib import Path
from typing import BinaryIO, NamedTuple

from flamepy.errors import PackageError

ARCHIVES = (".tar.gz", ".tgz", ".zip")

PROJECT_FILES = ("pyproject.toml", "setup.py", "setup.cfg")

_LEFT_OUT = frozenset(
    {".git", ".hg", ".svn", ".venv", ".tox", "__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".DS_Store"}
)
_CHUNK = 1 << 20
_IN_MEMORY = 16 << 20


class Bundle(NamedTuple):
    """An archive that is ready to go.

    Attributes:
        kind: What it was made of: ``directory``, ``binary`` or ``archive``.
        stream: Its bytes, at their beginning; a temporary file unless it was an archive already.
        size: Of the archive, in bytes.
        sha256: Hex digest of the archive.
        suffix: Of its name, ``.tar.gz`` for example.
        installer: What unpacks it: ``python`` where it is a Python project, else ``binary``.
        program: What the command would be, if that is clear: the one program in it.
    """

    kind: str
    stream: BinaryIO
    size: int
    sha256: str
    suffix: str
    installer: str
    program: str


def make_bundle(path: Path) -> Bundle:
    """Pack a folder or a program, or take an archive as it is.

    Args:
        path: A folder; a program, which comes to ``bin/``; or an archive.

    Raises:
        PackageError: It is not there, cannot be read, or holds nothing.
    """
    try:
        if path.is_dir():
            return _of_folder(path)
        if path.name.endswith(ARCHIVES):
            return _of_archive(path)
        return _of_program(path)
    except OSError as error:
        raise PackageError(
            f"{error.filename or path} cannot be packed: {error.strerror or error}", path=path
        ) from error


def _of_folder(path: Path) -> Bundle:
    files = sorted(_files(path))
    if not files:
        raise PackageError(f"{path} holds no files", path=path)
    stream = _packed([(path / name, name) for name in files])
    is_project = any(name in PROJECT_FILES for name in files)
    programs = [name for name in files if name.startswith("bin/") and os.access(path / name, os.X_OK)]
    program = f"${{FLAME_APP_DIR}}/{programs[0]}" if len(programs) == 1 and not is_project else ""
    return _bundle("directory", stream, ".tar.gz", "python" if is_project else "binary", program)


def _of_program(path: Path) -> Bundle:
    with path.open("rb"):
        name = f"bin/{path.name}"
        return _bundle("binary", _packed([(path, name)]), ".tar.gz", "binary", f"${{FLAME_APP_DIR}}/{name}")


def _of_archive(path: Path) -> Bundle:
    suffix = next(each for each in ARCHIVES if path.name.endswith(each))
    return _bundle("archive", path.open("rb"), suffix, "binary", "")


def _bundle(kind: str, stream: BinaryIO, suffix: str, installer: str, program: str) -> Bundle:
    digest, size = hashlib.sha256(), 0
    while chunk := stream.read(_CHUNK):
        digest.update(chunk)
        size += len(chunk)
    stream.seek(0)
    return Bundle(kind, stream, size, digest.hexdigest(), suffix, installer, program)


def _files(root: Path) -> list[str]:
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in _LEFT_OUT]
        inside = Path(folder)
        found += [
            (inside / name).relative_to(root).as_posix()
            for name in names
            if name not in _LEFT_OUT and not name.endswith(".pyc") and (inside / name).is_file()
        ]
    return found


def _packed(members: list[tuple[Path, str]]) -> BinaryIO:
    stream: BinaryIO = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # type: ignore[assignment]  # noqa: SIM115 - the caller's
    # Nothing but names and contents counts: no times, no owners.
    zipped = gzip.GzipFile(fileobj=stream, mode="wb", compresslevel=6, mtime=0, filename="")
    with zipped, tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, name in members:
            with path.open("rb") as file:
                status = os.fstat(file.fileno())
                member = tarfile.TarInfo(name)
                member.size = status.st_size
                member.mode = 0o755 if status.st_mode & 0o100 else 0o644
                archive.addfile(member, file)
    stream.seek(0)
    return stream
