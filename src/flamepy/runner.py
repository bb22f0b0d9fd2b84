"""FlameRunner: packs this project, connects to an engine, and runs services there while its block lasts."""

from __future__ import annotations

import atexit
import os
from contextlib import ExitStack

from flamepy.engines import select
from flamepy.errors import EngineClosed
from flamepy.serialization import byvalue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any, overload

    from typing_extensions import Unpack

    from flamepy.context import FlameContext
    from flamepy.deployment import Deployment
    from flamepy.engines.port import Engine
    from flamepy.model.generic import P, R, T
    from flamepy.model.specs import PackageRef
    from flamepy.object_expr import ObjectExpr
    from flamepy.service import FlameRunnerService, FunctionService
    from flamepy.settings import ServiceSettings
    from flamepy.targets import Target


class FlameRunner:
    """Runs this project's functions, classes and instances as services, for as long as its block lasts.

    On entering, the project is packed and uploaded to the storage of the context (unless a package of this name is
    there) and the engine is connected. On leaving, all submitted tasks are waited for, services are closed and the
    package is deleted; when an exception leaves the block, what has not started is cancelled and the rest interrupted.

    Args:
        name: The package's name: letters, digits, ``.``, ``_``, ``-``.
        context: Which engine and storage; None to read ``flame.yaml``, see `FlameContext`.
        project: The project's folder; None to find it from the main script.
        overwrite: Replace a package of the same name in the storage.
        environment: ``current`` (this interpreter's packages) or ``uv`` (from the project's lock file or
            requirements); None for the engine's default.
        show_logs: Whether the tasks' prints appear here; they are kept for ``flmctl logs`` anyhow.
        log_prefix: What stands before each of these lines; ``{service}`` and ``{pid}`` are filled in.
        progress: Whether a live line is shown on a terminal; None: if standard error is one.
        object_memory: Bytes of shared memory for objects on the embedded engine; None for 30 % of the machine's.

    Example:
        >>> with FlameRunner("test") as runner:  # doctest: +SKIP
        ...     counter = runner.service(Counter(10))
        ...     counter.add(1)
        ...     print(counter.get_counter().get())
        11
    """

    def __init__(  # noqa: PLR0913 - keyword-only settings
        self,
        name: str,
        *,
        context: FlameContext | None = None,
        project: str | os.PathLike[str] | None = None,
        overwrite: bool = False,
        environment: str | None = None,
        show_logs: bool = True,
        log_prefix: str = "({service} {pid}) ",
        progress: bool | None = None,
        object_memory: int | None = None,
    ) -> None:
        self.name = name
        self._context = context
        self._project = project
        self._overwrite = overwrite
        self._environment = environment
        self._show_logs = show_logs
        self._log_prefix = log_prefix
        self._progress = progress
        self._object_memory = object_memory
        self._owner = os.getpid()
        self._exit: ExitStack | None = None
        self._engine: Engine | None = None
        self._package: PackageRef | None = None
        self._deployment: Deployment | None = None
        self._main: str | None = None
        self._services: list[FlameRunnerService[Any]] = []
        self._live: Any = None

    # ---- the block

    def __enter__(self) -> FlameRunner:
        """Pack, upload and connect; see the class.

        Raises:
            ConfigError: ``flame.yaml`` is wrong.
            PackageError: The project cannot be packed or stored.
            EngineUnavailable: Nobody answers at the endpoint.
        """
        self._open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Finish (or, after an exception, stop) the tasks, close the services, delete the package."""
        self._close(cancel=kind is not None)

    def _open(self) -> None:
        if self._exit is not None:
            raise EngineClosed(f"runner '{self.name}' is in use already; make another one", runner=self.name)
        context = self._resolved_context()
        self._main = byvalue.main_script()
        with ExitStack() as undo:
            self._live = undo.enter_context(_live_line(self._progress))
            engine = select.connect(
                context,
                object_memory=self._object_memory,
                show_logs=self._show_logs,
                log_prefix=self._log_prefix,
                main_by_value=self._main is None,
            )
            undo.callback(self._close_engine, engine)
            deployment = self._new_deployment(context)
            package = undo.enter_context(deployment)
            engine.register(package)
            undo.callback(engine.unregister, package)
            if self._main is not None:
                from flamepy.targets import adopt_main

                adopt_main()
            self._engine, self._package, self._deployment = engine, package, deployment
            self._live.tasks(self._services)
            self._exit = undo.pop_all()
        atexit.register(self._close, cancel=True)

    def _resolved_context(self) -> FlameContext:
        if self._context is not None:
            return self._context
        from flamepy.context import FlameContext

        return FlameContext.load()

    def _new_deployment(self, context: FlameContext) -> Deployment:
        from flamepy.deployment import Deployment  # not before the engine's own process boots

        return Deployment(
            self.name,
            context,
            project=self._project,
            overwrite=self._overwrite,
            environment=self._environment,
            progress=self._live.stage,
        )

    @staticmethod
    def _close_engine(engine: Engine) -> None:
        engine.close()

    def _close(self, *, cancel: bool) -> None:
        undo, self._exit = self._exit, None
        if undo is None:
            return
        if os.getpid() != self._owner:  # a forked child: all of it belongs to the parent
            undo.pop_all()
            return
        atexit.unregister(self._close)
        engine = self._engine
        with undo:
            if engine is not None:
                undo.callback(engine.close, cancel=cancel)
                if not cancel:
                    try:
                        engine.drain()
                    except BaseException:  # Ctrl-C while waiting: stop instead
                        engine.close(cancel=True)
                        raise
        self._engine = None

    # ---- services and objects

    if TYPE_CHECKING:

        @overload
        def service(self, obj: type[T], **settings: Unpack[ServiceSettings]) -> FlameRunnerService[T]: ...  # type: ignore[overload-overlap]

        @overload
        def service(self, obj: Callable[P, R], **settings: Unpack[ServiceSettings]) -> FunctionService[P, R]: ...

        @overload
        def service(self, obj: T, **settings: Unpack[ServiceSettings]) -> FlameRunnerService[T]: ...

    def service(self, obj: Any, **settings: Any) -> Any:
        """Make a function, a class or an instance a service: its public methods become remote tasks.

        A function is stateless and elastic: one to N executors, started as the queue grows, let go when idle. A class
        is instantiated in its executor without arguments; an instance travels as a copy. One instance lives in one
        executor, which runs its tasks in the order of submission.

        Args:
            obj: What to run.
            settings: Any of `flamepy.settings.ServiceSettings`: ``name``, ``instances``, ``warmup``, ``resources``,
                ``timeout``, ``retries``, ``retry_exceptions``, ``priority``, ``concurrency``, ``checkpoint``.

        Returns:
            A handle with the methods of ``obj``; see `FlameRunnerService`.

        Raises:
            ServiceError: ``obj`` has nothing to call, or a setting does not fit it.
            MissingModule: The package lacks a module that ``obj`` imports.
            SerializationError: ``obj`` cannot be sent.
            ResourcesUnavailable: No executor can ever have the resources.
        """
        from flamepy.service import FlameRunnerService, FunctionService
        from flamepy.settings import session_spec
        from flamepy.targets import Target

        engine, package = self._entered()
        target = Target(obj)
        self._check_imports(target)
        spec = session_spec(target, package, self._main, engine.cores, **settings)
        kind: type[FlameRunnerService[Any]] = FunctionService if target.kind == "function" else FlameRunnerService
        service = kind(engine.open_session(spec), target.methods)
        self._services.append(service)
        return service

    def put(self, value: T) -> ObjectExpr[T]:
        """Store a value once, to be used by many tasks; see `ObjectExpr`.

        Args:
            value: Anything that can be pickled; large buffers go to shared memory.

        Raises:
            SerializationError: It cannot be pickled.
            StoreFull: Neither memory nor disk has room for it.
        """
        from flamepy.object_expr import ObjectExpr

        engine, _ = self._entered()
        expr: ObjectExpr[T] = ObjectExpr()
        engine.put(expr, value)
        return expr

    def _entered(self) -> tuple[Engine, PackageRef]:
        if self._engine is None or self._package is None:
            raise EngineClosed(f"runner '{self.name}' is not entered; use it inside its with block", runner=self.name)
        return self._engine, self._package

    def _check_imports(self, target: Target) -> None:
        module = target.module()
        plan = self._deployment.plan if self._deployment is not None else None
        if module is None or plan is None or module in ("builtins", "__mp_main__"):
            return
        from flamepy.packaging.imports import check_target_imports

        check_target_imports(plan, module)

    def __repr__(self) -> str:
        state = "open" if self._engine is not None else "closed"
        return f"<{type(self).__name__} {self.name}: {state}, {len(self._services)} services>"


def _live_line(wanted: bool | None) -> Any:  # noqa: FBT001
    """The live line on a terminal, or one that shows nothing."""
    import sys

    from flamepy.progress import LiveLine, NoLine

    shown = wanted if wanted is not None else bool(sys.stderr is not None and sys.stderr.isatty())
    return LiveLine() if shown else NoLine()


# Upstream's flamepy has a package of this name: its modules, and its names that we do not have.
__path__ = [f"{__file__.rpartition('/')[0]}/upstream/names/runner"]


def __getattr__(name: str) -> object:
    if name.startswith("_"):
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    upstream = __import__("flamepy.upstream", fromlist=[name])
    return upstream.find(name, upstream.RUNNER, __name__)
