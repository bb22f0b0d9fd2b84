"""Where an executor works on this machine: its package unpacked, its interpreter, its folders."""

from __future__ import annotations

import os
import shutil
import sys
from functools import lru_cache
from pathlib import Path

from flamepy.serialization.lodgings import disk_root, memory_root, move_in, move_out
from flamepy.serialization.pieces import read_piece, remove_segment, write_piece

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flamepy.packaging.storage.base import Storage

_PLAIN_FINDERS = frozenset({"BuiltinImporter", "FrozenImporter", "PathFinder", "DistutilsMetaFinder"})

DEFAULT_OBJECT_SHARE = 4
"""Objects may take one in so many of the bytes that are free in shared memory."""


class Place:
    """The folders of one executor; nothing of them is left after `remove`, and nothing of a killed process's for long.

    Attributes:
        folder: On disk.
        shared: In shared memory where there is some: where objects are files.
    """

    def __init__(self) -> None:
        self.folder = move_in(disk_root())
        try:
            self.shared = move_in(memory_root() or disk_root())
        except OSError:
            move_out(self.folder)
            raise

    def prepare(self, order: dict[str, Any], root: str) -> tuple[str, dict[str, Any]]:
        """Fetch and unpack the package, and make its environment.

        Args:
            order: What the client said of its package.
            root: The folder that flamepy is imported from.

        Returns:
            The interpreter, and what the executor has to know.

        Raises:
            FlameError: The package cannot be had, or its environment not be made.
            PackageOutOfReach: This machine lacks what the package's storage speaks.
            OSError: There is no room.
        """
        package = fetch(order, Path(self.folder))
        python, others = sys.executable, [entry for entry in sys.path if entry]
        if wants_environment(order["environment"], package):
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

    def write(self, name: str, capacity: int, offset: int, data: bytes | memoryview) -> None:
        """Take in a part of an object."""
        write_piece(self.shared, name, capacity, offset, data)

    def read(self, name: str, offset: int, size: int) -> bytes:
        """A part of an object that the executor made."""
        return read_piece((self.shared, f"{self.folder}/spill"), name, offset, size)

    def forget(self, name: str) -> None:
        """Remove an object of the client."""
        remove_segment(self.shared, name)

    def remove(self) -> None:
        """Remove everything."""
        for folder in (self.folder, self.shared):
            move_out(folder)


def wants_environment(wanted: str, package: Path) -> bool:
    """Whether executors need an environment of their own.

    Args:
        wanted: ``uv``, ``current``, or ``fitting``: whatever the project requires.
        package: The unpacked package.
    """
    if wanted != "fitting":
        return wanted == "uv"
    from flamepy.packaging.requirements import requires_something

    return requires_something(package)


@lru_cache(maxsize=64)
def _path_of(python: str) -> list[str]:
    """The search path of an interpreter; one that was made for a package does not change."""
    import json
    import subprocess

    asked = [python, "-I", "-c", "import json, sys; print(json.dumps(sys.path))"]
    found = json.loads(subprocess.run(asked, check=True, capture_output=True, timeout=60).stdout)
    return [entry for entry in found if entry]


class PackageOutOfReach(Exception):
    """This machine lacks what the package's storage speaks."""


def stored_at(url: str, token: str | None, ca_file: str | None) -> tuple[Storage, str]:
    """Return the storage of a package, and its name there.

    Raises:
        PackageOutOfReach: The storage needs what is not installed here.
    """
    from flamepy.errors import StorageError
    from flamepy.packaging.storage.base import SUFFIX
    from flamepy.packaging.storage.select import open_storage

    parent, _, name = url.rpartition("/")
    if parent.startswith(("grpc://", "grpcs://")):  # a cluster's cache has folders of its own
        parent = "/".join(parent.split("/")[:3])
    try:
        storage = open_storage(parent, token=token, ca_file=Path(ca_file) if ca_file else None)
    except ImportError as error:
        raise PackageOutOfReach(str(error)) from error
    except StorageError as error:
        if isinstance(error.__cause__, ImportError):
            raise PackageOutOfReach(str(error)) from error
        raise
    return storage, name.removesuffix(SUFFIX)


def fetch(order: dict[str, Any], folder: Path) -> Path:
    """Bring a package to this machine and unpack it; see `Place.prepare`."""
    from flamepy.packaging.archive import unpack
    from flamepy.packaging.storage.base import SUFFIX

    if order.get("archive"):  # the client has sent it
        sent = Path(order["archive"])
        try:
            return Path(unpack(sent, folder / "package", sha256=order["sha256"]))
        finally:
            sent.unlink(missing_ok=True)
    # Both variables are given to every service of a cluster that wants them.
    storage, name = stored_at(order["url"], os.environ.get("FLAME_TOKEN"), os.environ.get("FLAME_CA_FILE"))
    here = storage.local_path(name)
    archive = Path(here) if here is not None else folder / f"{name}{SUFFIX}"
    if here is None:
        try:
            storage.download(name, archive)
        except ImportError as error:
            raise PackageOutOfReach(str(error)) from error
    try:
        return Path(unpack(archive, folder / "package", sha256=order["sha256"]))
    finally:
        if here is None:
            archive.unlink(missing_ok=True)
