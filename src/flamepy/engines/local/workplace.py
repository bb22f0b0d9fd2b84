"""Where executors work: the package unpacked, and the ``sys.path`` that runs it instead of the working tree."""

from __future__ import annotations

import os

from flamepy.engines.linked.binding import hooks_into_imports, path_outside
from flamepy.errors import StorageError
from flamepy.packaging.archive import unpack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flamepy.model.specs import PackageRef


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
        self.path += [] if package.python else path_outside(package.folder)
        self.cwd = os.path.normpath(f"{self.folder}/{package.cwd}")
        if not os.path.isdir(self.cwd):
            self.cwd = self.folder
        self.needs_site = package.python is None and hooks_into_imports()
