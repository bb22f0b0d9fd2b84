"""Put a project where an engine's executors find it, and take it away again."""

from __future__ import annotations

import sys
import warnings
from contextlib import ExitStack
from functools import partial

from flamepy.errors import PackageError, StorageError
from flamepy.model.specs import PackageRef
from flamepy.packaging.build import Archive, build, check_name
from flamepy.packaging.caches import PrivateFolder, cache_folder
from flamepy.packaging.digest import sha256_of
from flamepy.packaging.plan import MAX_BYTES, Plan, make_plan
from flamepy.packaging.project import find_project
from flamepy.packaging.storage.file import file_url
from flamepy.packaging.storage.select import open_storage

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from types import TracebackType

    from flamepy.context import FlameContext
    from flamepy.packaging.project import Project
    from flamepy.packaging.storage.base import Storage, StoredPackage

    Progress = Callable[[str, int, int], None]

# Engines to which packages go from this machine; the others fetch them from the storage.
_LOCAL_SCHEMES = frozenset({"local", "ray"})
# Engines that have an object cache, where packages may lie.
_FLAME_SCHEMES = frozenset({"http", "https", "grpc", "grpcs"})
# How often a package may be deleted by its owner between our finding and our reading it.
_ATTEMPTS = 5


class Deployment:
    """One runner's package: built, stored, and removed on exit. The constructor only records.

    A package that is in the storage under this name already is used as it is, with a warning if its content differs
    from the project's; ``overwrite=True`` replaces it. On exit the package is deleted by the deployment that stored it,
    and by no other: of two runners that share a name, the first to come deletes, and the second, if it runs here, keeps
    a copy for as long as it needs it. A package that somebody replaced in the meantime is theirs and stays.

    Without a ``package:`` in the context, the embedded engine's packages go to a private folder in the per-user cache,
    one for each deployment: programs of the same name do not meet there, and what a killed program leaves is removed
    by the next.

    Args:
        name: The runner's name.
        context: Where packages go and which engine runs them.
        project: The project's folder; None to find it, see `flamepy.packaging.project.find_project`.
        overwrite: Replace a package of this name.
        environment: ``current`` or ``uv``; None for the context's, else the engine's default.
        storage: A storage to use instead of the context's; for engines that have their own.
        max_bytes: Bytes that the project's files may have in all.
        progress: Called with a stage (``packing``, ``uploading``, ``fetching``, ``environment``), the bytes done and
            their total (both 0 while unknown).

    Example:
        >>> with Deployment("test", FlameContext()) as package:  # doctest: +SKIP
        ...     print(package.url)
    """

    def __init__(  # noqa: PLR0913 - keyword-only settings, each with its own meaning
        self,
        name: str,
        context: FlameContext,
        *,
        project: str | os.PathLike[str] | None = None,
        overwrite: bool = False,
        environment: str | None = None,
        storage: Storage | None = None,
        max_bytes: int = MAX_BYTES,
        progress: Progress | None = None,
    ) -> None:
        """See the class."""
        self.name = name
        self.plan: Plan | None = None
        self.package: PackageRef | None = None
        self.reused = False
        self._context = context
        self._project = project
        self._overwrite = overwrite
        self._environment = environment or context.environment
        self._storage = storage
        self._max_bytes = max_bytes
        self._progress = progress or _silent
        self._undo = ExitStack()

    def __enter__(self) -> PackageRef:
        """Deploy; see `open`."""
        return self.open()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Undo; see `close`."""
        self.close()

    def open(self) -> PackageRef:
        """Pack the project and store the package; if a step fails, the earlier ones are undone.

        Returns:
            The package as engines know it.

        Raises:
            PackageError: The project cannot be found, packed or stored; its subclasses say which.
        """
        if self.package is not None:
            return self.package
        check_name(self.name)
        try:
            self.package = self._deploy()
        except BaseException:
            self.close()
            raise
        return self.package

    def close(self) -> None:
        """Delete the package if this deployment stored it; idempotent.

        A failure is a warning that names the URL, since there is nothing that the program could do about it.
        """
        self.package = None
        self._undo.close()

    def _deploy(self) -> PackageRef:
        storage = self._open_storage()
        project = find_project(self._project)
        excludes = self._context.package.excludes if self._context.package else ()
        self.plan = plan = make_plan(project, excludes)
        warning = plan.check_size(limit=self._max_bytes)
        if warning:
            warnings.warn(warning, stacklevel=4)
        python = self._resolve_environment(project)
        archive = build(plan, self.name, version=_version(), progress=partial(self._progress, "packing"))
        with archive.stream:
            package = self._place(storage, archive, plan)
        return package._replace(
            python=python, environment=self._environment, import_roots=project.import_roots, cwd=project.cwd
        )

    def _open_storage(self) -> Storage:
        if self._storage is not None:
            return self._storage
        package = self._context.package
        if package is not None and package.storage is not None:
            return self._opened(package.storage)
        if self._context.scheme in _FLAME_SCHEMES:
            return self._opened(self._context.cache_endpoint)
        return open_storage(file_url(self._private_folder()))

    def _opened(self, url: str) -> Storage:
        context = self._context
        return open_storage(url, token=context.token, ca_file=context.cache_ca_file or context.ca_file)

    def _private_folder(self) -> str:
        parent = f"{cache_folder()}/packages"
        try:
            folder = PrivateFolder(parent)
        except OSError as error:
            raise StorageError(
                f"cannot make a folder in {parent}: {error.strerror}. Set XDG_CACHE_HOME to a folder that can be "
                "written, or name a storage: FlameContext(package=FlamePackage(storage=...))"
            ) from error
        self._undo.callback(folder.close)
        return folder.path

    def _resolve_environment(self, project: Project) -> str | None:
        # A cluster's executors make their own: an interpreter of this machine would mean nothing there.
        if self._environment in {None, "current"} or self._context.scheme != "local":
            return None
        from flamepy.packaging.environment import resolve_environment

        return resolve_environment(
            self._environment, project.root, report=lambda _: self._progress("environment", 0, 0)
        )

    def _place(self, storage: Storage, archive: Archive, plan: Plan) -> PackageRef:
        """Store the archive, or take what is there."""
        for _ in range(_ATTEMPTS):
            stored = None if self._overwrite else storage.find(self.name)
            if stored is None:
                package = self._store(storage, archive, plan)
            else:
                package = self._take(storage, stored, archive, plan)
            if package is not None:
                return package
        raise StorageError(
            f"{storage.url_of(self.name)} comes and goes: other runners use the name {self.name!r} at this moment. "
            "Choose another name",
            url=storage.url_of(self.name),
        )

    def _store(self, storage: Storage, archive: Archive, plan: Plan) -> PackageRef | None:
        """Upload; None if another process stored a package of this name first."""
        upload = partial(self._progress, "uploading")
        # Before the upload: one that is interrupted may have stored the package all the same.
        mine = self._undo.enter_context(ExitStack())
        mine.callback(self._delete, storage, archive)
        if not storage.upload(self.name, archive.rewind(), archive.size, overwrite=self._overwrite, progress=upload):
            mine.pop_all()
            return None
        package = self._package(storage, archive.sha256, self._local_copy(storage, keep=True), plan)
        path = storage.local_path(self.name)
        return package._replace(stored=True, disposable=(path,) if path is not None else ())

    def _take(self, storage: Storage, stored: StoredPackage, archive: Archive, plan: Plan) -> PackageRef | None:
        """Use the package that is there; None if it has gone meanwhile."""
        self.reused = True
        identical = stored.manifest == archive.manifest
        try:
            # Without a copy here, equal manifests say that the bytes are the same.
            local = None if identical and not self._runs_here else self._local_copy(storage, keep=False)
            sha256 = archive.sha256 if local is None else sha256_of(local)
        except (OSError, PackageError):
            if storage.find(self.name) is None:
                self.reused = False
                return None
            raise
        if stored.manifest is None or stored.manifest.content != archive.manifest.content:
            warnings.warn(_difference(stored, local, plan), stacklevel=6)
        return self._package(storage, sha256, local if self._runs_here else storage.local_path(self.name), plan)

    @property
    def _runs_here(self) -> bool:
        return self._context.scheme in _LOCAL_SCHEMES

    def _local_copy(self, storage: Storage, *, keep: bool) -> str | None:
        """Return a file on this machine that holds what is in the storage.

        Args:
            storage: The storage.
            keep: The package is ours and stays until we leave, so that the storage's own file will do.
        """
        path = storage.local_path(self.name)
        if keep and (path is not None or not self._runs_here):
            return path
        copy = f"{self._private_folder()}/{self.name}.tar.gz"
        storage.download(self.name, copy, progress=partial(self._progress, "fetching"))
        return copy

    def _package(self, storage: Storage, sha256: str, local: str | None, plan: Plan) -> PackageRef:
        return PackageRef(
            name=self.name,
            url=storage.url_of(self.name),
            sha256=sha256,
            archive=local,
            folder=plan.project.folder,
        )

    def _delete(self, storage: Storage, archive: Archive) -> None:
        try:
            stored = storage.find(self.name)
            if stored is not None and stored.manifest == archive.manifest:
                storage.delete(self.name)
        except StorageError as error:
            warnings.warn(
                f"the package {storage.url_of(self.name)} could not be deleted and stays there: {error}",
                RuntimeWarning,
                stacklevel=2,
            )


def _difference(stored: StoredPackage, local: str | None, plan: Plan) -> str:
    """Return the warning for a package whose content is not the project's."""
    what = "was not made by flamepy" if stored.manifest is None else "has other content than the project"
    text = f"the package {stored.url} {what}, {plan.project.folder}, and is used as it is: older code may run."
    if local is not None:
        from flamepy.packaging.compare import differences

        changed = differences(local, plan)
        more = f"\n  and {len(changed) - 10} more" if len(changed) > 10 else ""
        text += "\nDifferent (+ only in the project, - only in the package, ~ changed):"
        text += "".join(f"\n  {line}" for line in changed[:10]) + more
    return f"{text}\nTo run the project as it is now, replace the package with overwrite=True or choose another name."


def _version() -> str:
    # Not imported: the façade above would count as something that this module builds upon.
    return str(getattr(sys.modules["flamepy"], "__version__", "unknown"))


def _silent(stage: str, done: int, total: int) -> None:
    """Report progress to nobody."""
