"""Where executors work: the package unpacked, and the ``sys.path`` that runs it instead of the working tree."""

from __future__ import annotations

import os
import sys

from flamepy.errors import StorageError
from flamepy.packaging.archive import unpack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flamepy.model.specs import PackageRef

_PLAIN_FINDERS = frozenset({"BuiltinImporter", "FrozenImporter", "PathFinder", "DistutilsMetaFinder"})


class Workplace:
    """An unpacked package.

    Args:
        package: The runner's package; its archive has to be on this machine.
        folder: Where to unpack it.

    Attributes:
        folder: Where it is.
        path: ``sys.path`` of the executors: the package's import roots in the place of the project's own folders,
            then the client's other entries.
        cwd: Their working directory.
        needs_site: Whether :mod:`site` has to run there, for editable installs that hook into the import system.

    Raises:
        StorageError: There is no archive, or it cannot be unpacked.
    """

    def __init__(self, package: PackageRef, folder: str) -> None:
        if package.archive is None:
            raise StorageError(f"package '{package.name}' at {package.url} was not brought to this machine")
        self.folder = unpack(package.archive, folder, sha256=package.sha256)
        self.path = [os.path.normpath(f"{self.folder}/{root}") for root in package.import_roots]
        self.path += _outside(package.folder, bool(package.python))
        self.cwd = os.path.normpath(f"{self.folder}/{package.cwd}")
        if not os.path.isdir(self.cwd):
            self.cwd = self.folder
        names = {getattr(f, "__name__", type(f).__name__) for f in sys.meta_path}
        self.needs_site = package.python is None and any(
            name not in _PLAIN_FINDERS and "ditable" in name for name in names
        )


def _outside(project: str, other_environment: bool) -> list[str]:  # noqa: FBT001
    """The entries of ``sys.path`` that do not lie in the project, or in its environment."""
    if other_environment:
        return []
    entries = []
    for entry in sys.path:
        where = os.path.abspath(entry) if entry else os.getcwd()
        inside = where == project or where.startswith(project + os.sep)
        if not inside or where.startswith((sys.prefix + os.sep, sys.base_prefix + os.sep)):
            entries.append(where)
    return entries
