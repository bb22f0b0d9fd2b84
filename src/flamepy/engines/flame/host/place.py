"""Where an executor works on this machine: its package unpacked, its interpreter, its folders."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_PLAIN_FINDERS = frozenset({"BuiltinImporter", "FrozenImporter", "PathFinder", "DistutilsMetaFinder"})

DEFAULT_OBJECT_SHARE = 4
"""Objects may take one in so many of the bytes that are free in shared memory."""


class Place:
    """The folders of one executor; nothing of them is left after `remove`.

    Attributes:
        folder: On disk.
        shared: In shared memory where there is some: where objects are files.
    """

    def __init__(self) -> None:
        self.folder = tempfile.mkdtemp(prefix=f"flamepy-{os.getuid()}-")
        roots = [root for root in ("/dev/shm",) if os.access(root, os.W_OK)]
        self.shared = (
            tempfile.mkdtemp(prefix=f"flamepy-{os.getuid()}-", dir=roots[0]) if roots else f"{self.folder}/objects"
        )
        os.makedirs(self.shared, mode=0o700, exist_ok=True)

    def prepare(self, order: dict[str, Any], root: str) -> tuple[str, dict[str, Any]]:
        """Fetch and unpack the package, and make its environment.

        Args:
            order: What the client said of its package.
            root: The folder that flamepy is imported from.

        Returns:
            The interpreter, and what the executor has to know.

        Raises:
            FlameError: The package cannot be had, or its environment not be made.
            OSError: There is no room.
        """
        package = fetch(order, Path(self.folder))
        python, others = sys.executable, [entry for entry in sys.path if entry]
        if order["environment"] == "uv":
            from flamepy.packaging.environment import resolve_environment

            python = resolve_environment("uv", package) or python
            others = [root, *_path_of(python)]
        cwd = os.path.normpath(package / order["cwd"])
        names = {getattr(finder, "__name__", type(finder).__name__) for finder in sys.meta_path}
        hooked = any(name not in _PLAIN_FINDERS and "ditable" in name for name in names)
        free = shutil.disk_usage(self.shared).free
        return python, {
            "path": [*(os.path.normpath(package / root) for root in order["import_roots"]), *others],
            "cwd": cwd if os.path.isdir(cwd) else str(package),
            "package": str(package),
            "site": python != sys.executable or hooked,
            "progress": f"{self.folder}/progress",
            "folder": self.shared,
            "spill": f"{self.folder}/spill",
            "ledger": f"{self.folder}/ledger",
            "limit": order["object_memory"] or free // DEFAULT_OBJECT_SHARE,
            "pool": 0,
        }

    def write(self, name: str, capacity: int, offset: int, data: bytes) -> None:
        """Take in a part of an object."""
        file = os.open(f"{self.shared}/{name}", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if offset == 0:
                os.ftruncate(file, capacity)
            view = memoryview(data)
            while view:
                written = os.pwrite(file, view, offset)
                view, offset = view[written:], offset + written
        finally:
            os.close(file)

    def read(self, name: str, offset: int, size: int) -> bytes:
        """A part of an object that the executor made."""
        for folder in (self.shared, f"{self.folder}/spill"):
            try:
                file = os.open(f"{folder}/{name}", os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                continue
            try:
                return os.pread(file, size, offset)
            finally:
                os.close(file)
        raise FileNotFoundError(f"the object {name} is gone")

    def forget(self, name: str) -> None:
        """Remove an object of the client."""
        try:
            os.unlink(f"{self.shared}/{name}")
        except OSError:
            return

    def remove(self) -> None:
        """Remove everything."""
        for folder in (self.folder, self.shared):
            shutil.rmtree(folder, ignore_errors=True)


def _path_of(python: str) -> list[str]:
    """The search path of an interpreter."""
    import json
    import subprocess

    asked = [python, "-I", "-c", "import json, sys; print(json.dumps(sys.path))"]
    found = json.loads(subprocess.run(asked, check=True, capture_output=True, timeout=60).stdout)
    return [entry for entry in found if entry]


def fetch(order: dict[str, Any], folder: Path) -> Path:
    """Bring a package to this machine and unpack it; see `Place.prepare`."""
    from flamepy.packaging.archive import unpack
    from flamepy.packaging.storage.base import SUFFIX
    from flamepy.packaging.storage.select import open_storage

    parent, _, name = order["url"].rpartition("/")
    if parent.startswith(("grpc://", "grpcs://")):  # a cluster's cache has folders of its own
        parent = "/".join(parent.split("/")[:3])
    ca_file = os.environ.get("FLAME_CA_FILE")  # both are given to every service of a cluster that wants them
    storage = open_storage(parent, token=os.environ.get("FLAME_TOKEN"), ca_file=Path(ca_file) if ca_file else None)
    name = name.removesuffix(SUFFIX)
    here = storage.local_path(name)
    archive = Path(here) if here is not None else folder / f"{name}{SUFFIX}"
    if here is None:
        storage.download(name, archive)
    try:
        return Path(unpack(archive, folder / "package", sha256=order["sha256"]))
    finally:
        if here is None:
            archive.unlink(missing_ok=True)
