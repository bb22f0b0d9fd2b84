"""What the user API asks of an engine, as frozen values.

Named tuples, because every start of a program pays for these classes: a dataclass costs a millisecond to make, and
importing :mod:`dataclasses` ten.
"""

from __future__ import annotations

from types import MappingProxyType

from flamepy.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class Resources(Record):
    """What one executor needs.

    Attributes:
        cpu: Cores; fractions are allowed. 0 of anything: not counted.
        memory: Bytes.
        gpu: Whole devices.
        custom: Other countable things of an engine, by name.
    """

    cpu: float = 0
    memory: int = 0
    gpu: int = 0
    custom: Mapping[str, float] = MappingProxyType({})


class CallOptions(Record):
    """How one call is to run; see `flamepy.FlameRunner.service` for the meanings.

    Attributes:
        timeout: Seconds that the task may run, None for ever.
        retries: How often it may be run again after its executor died.
        retry_exceptions: Exception types after which it is run again too.
        priority: Higher ones leave the session's queue first.
    """

    timeout: float | None = None
    retries: int = 0
    retry_exceptions: tuple[type[BaseException], ...] = ()
    priority: int = 0


class PackageRef(Record):
    """An uploaded package, as an engine needs to know it.

    Attributes:
        name: The runner's name.
        url: Where the archive lies, ``file:///…/name.tar.gz`` for example.
        sha256: Hex digest of the archive's bytes.
        folder: The folder on this machine that was packed.
        archive: The archive on this machine, if it is on this machine.
        import_roots: Folders to put on ``sys.path``, relative to the unpacked package, in order.
        cwd: Working directory of the executors, relative to the unpacked package.
        python: The interpreter on this machine that has the project's dependencies; None for the client's own, or
            if the engine makes the environment.
        environment: ``current`` or ``uv`` where the engine makes the environment; None for its default.
        disposable: Files on this machine that would be left should this process be killed.
        stored: Whether this program has stored it; False if it was there.
    """

    name: str
    url: str
    sha256: str
    folder: str
    archive: str | None = None
    import_roots: tuple[str, ...] = (".",)
    cwd: str = "."
    python: str | None = None
    environment: str | None = None
    disposable: tuple[str, ...] = ()
    stored: bool = False

    @property
    def project(self) -> Path:
        """The folder, as a path."""
        from pathlib import Path  # four milliseconds of every start

        return Path(self.folder)

    @property
    def local_path(self) -> Path | None:
        """The archive, as a path."""
        from pathlib import Path

        return None if self.archive is None else Path(self.archive)


class SessionSpec(Record):
    """One service, as an engine needs to know it.

    Attributes:
        name: What people see, the function's or class's name unless given.
        package: The runner's package.
        target: The pickled function, class or instance.
        target_kind: ``function``, ``class`` or ``instance``.
        methods: Names that can be called, their index is their number on the wire; ``""`` calls the object itself.
        application: The Flame application, ``flmrun``.
        main_path: The main script inside the package, if ``__main__`` travels as a file.
        min_instances: Executors kept while the session is open.
        max_instances: Executors at most.
        resources: What each executor needs.
        defaults: Options of calls that give none.
        concurrency: Coroutines that may run at once in one executor.
        checkpoint: None: state is lost with its executor; N > 0: saved after every N calls; 0: begin anew.
        checkpoint_seconds: The state is also saved so long after a call that no saved one contains; None: it is not.
        labels: Shown as tags.
    """

    name: str
    package: PackageRef
    target: bytes
    target_kind: str
    methods: tuple[str, ...]
    application: str = "flmrun"
    main_path: str | None = None
    min_instances: int = 0
    max_instances: int = 1
    resources: Resources = Resources()
    defaults: CallOptions = CallOptions()
    concurrency: int = 100
    checkpoint: int | None = None
    checkpoint_seconds: float | None = None
    labels: tuple[str, ...] = ()

    @property
    def stateful(self) -> bool:
        """Whether each executor holds an instance with state of its own."""
        return self.target_kind != "function"
