"""Upstream's Runner over ours: it runs on any engine, this machine's own included."""

from __future__ import annotations

import sys
import warnings
from functools import partial
from typing import TYPE_CHECKING, Any

from flamepy.context import FlameContext
from flamepy.errors import PackageError
from flamepy.model.specs import Resources
from flamepy.runner import FlameRunner
from flamepy.upstream.arguments import itself, outgoing
from flamepy.upstream.objects import ObjectRef, put_object
from flamepy.upstream.requests import RunnerContext, SessionContext, is_plain_instance
from flamepy.upstream.vocabulary import FlameError, FlameErrorCode, ResourceRequirement, short_name
from flamepy.waiting import as_completed
from flamepy.wire.pulse import CORES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from flamepy.object_expr import ObjectExpr


class ObjectFuture:
    """The result of a call.

    Args:
        future: Our own handle of it.
        prefix: Where in the object cache its reference may live.
    """

    def __init__(self, future: ObjectExpr[Any], prefix: str = "runner/results") -> None:
        self._future = future
        self._prefix = prefix
        self._ref: ObjectRef | None = None

    def get(self) -> Any:
        """Wait for the result and return it.

        Raises:
            FlameError: The call failed; its own error is the ``__cause__``.
        """
        try:
            return self._future.get()
        except FlameError:
            raise
        except Exception as error:
            raise FlameError(FlameErrorCode.INTERNAL, str(error) or type(error).__name__) from error

    def ref(self) -> ObjectRef:
        """Wait for the result and return a reference to it; the first time it is put into the object cache."""
        if self._ref is None:
            self._ref = put_object(self._prefix, self.get())
        return self._ref

    def wait(self) -> None:
        """Wait for the result; raises like `get`."""
        self.get()

    def __reduce__(self) -> tuple[Any, ...]:
        return itself, (self._future,)

    def __repr__(self) -> str:
        return f"<ObjectFuture of {self._future!r}>"


class ObjectFutureIterator:
    """Futures in the order in which they are done.

    Args:
        futures: The futures.
    """

    def __init__(self, futures: list[ObjectFuture]) -> None:
        self._futures = {future._future: future for future in futures}

    def __iter__(self) -> Iterator[ObjectFuture]:
        for expr in as_completed(self._futures):
            yield self._futures[expr]


class RunnerService:
    """A function, class or instance that runs elsewhere; its public methods return futures.

    Args:
        handle: Our service.
        prefix: Where in the object cache references to results may live.
        obj: The original.
    """

    def __init__(self, handle: Any, prefix: str, obj: Any) -> None:
        self._handle = handle
        self._prefix = prefix
        self._is_function = not is_plain_instance(obj) and not isinstance(obj, type)
        for name in () if self._is_function else handle._flame_methods:
            if not name:
                continue
            if hasattr(type(self), name):
                warnings.warn(f"method '{name}' cannot be called: the service has one of its own", stacklevel=4)
            else:
                setattr(self, name, partial(self._call, name))

    def __call__(self, *args: Any, **kwargs: Any) -> ObjectFuture:
        """Call the function.

        Raises:
            TypeError: The service is no function.
        """
        if not self._is_function:
            raise TypeError(f"{self._handle!r} is no function: call one of its methods")
        return self._call("", *args, **kwargs)

    def close(self) -> None:
        """Wait for the calls so far, and end."""
        self._handle.close()

    def _call(self, method: str, /, *args: Any, **kwargs: Any) -> ObjectFuture:
        sent = [outgoing(each) for each in args]
        named = {name: outgoing(each) for name, each in kwargs.items()}
        return ObjectFuture(self._handle._flame_methods[method](*sent, **named), self._prefix)


class Runner:
    """Packs the project and runs its functions, classes and instances, from now until `close`.

    Args:
        name: The application's name.
        fail_if_exists: Refuse to use a package of that name that is there already.
        dependencies: Requirements of the project; where tasks run in this interpreter's environment, they have to be
            in it.
        python_version: The Python of the executors; ``3.12``, for example.

    Raises:
        FlameError: The application exists, or the project cannot be deployed.

    Example:
        >>> with Runner("test") as runner:  # doctest: +SKIP
        ...     square = runner.service(lambda x: x * x)
        ...     print(runner.get([square(n) for n in range(3)]))
        [0, 1, 4]
    """

    def __init__(
        self,
        name: str,
        fail_if_exists: bool = False,  # noqa: FBT001, FBT002 - upstream's
        dependencies: list[str] | None = None,
        python_version: str | None = None,
    ) -> None:
        self._name = name
        self._services: dict[str, RunnerService] = {}
        _check_python(python_version)
        _check_dependencies(dependencies or [])
        context = FlameContext.load()
        # Upstream's programs name what they need in `dependencies`, which is checked above, and not in a project.
        runner = FlameRunner(name, context=context, environment=context.environment or "current")
        try:
            runner.__enter__()
        except PackageError as error:
            raise FlameError(FlameErrorCode.INTERNAL, f"Failed to create package: {error}") from error
        self._runner: FlameRunner | None = runner
        deployment = runner._deployment
        if fail_if_exists and deployment is not None and deployment.reused:
            self.close()
            raise FlameError(FlameErrorCode.ALREADY_EXISTS, f"Application '{name}' already exists")

    def __enter__(self) -> Runner:
        """Nothing to do: it runs."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it."""
        runner, self._runner = self._runner, None
        if runner is not None:
            runner.__exit__(kind, error, traceback)

    def close(self) -> None:
        """Wait for all calls, end the services, and remove the package; idempotent."""
        self.__exit__(None, None, None)

    def service(
        self,
        execution_object: Any,
        autoscale: bool | None = None,  # noqa: FBT001 - upstream's
        warmup: int = 0,
        resreq: ResourceRequirement | None = None,
    ) -> RunnerService:
        """Make a function, class or instance a service.

        Args:
            execution_object: The function, class or instance; one with a ``_session_context`` names its session.
            autoscale: Whether a function or class gets more instances as calls wait (the default), or just ``warmup``.
            warmup: Instances that are started at once.
            resreq: What each instance needs.

        Raises:
            ValueError: The settings do not fit the object.
        """
        context = RunnerContext(execution_object, autoscale=autoscale, warmup=warmup)
        session = getattr(execution_object, "_session_context", None)
        wanted = session.session_id if isinstance(session, SessionContext) else None
        name = wanted or short_name(self._name)
        if name not in self._services:
            settings: dict[str, Any] = {"name": name} if wanted else {}
            handle = self._open().service(
                _target(execution_object), instances=_instances(context), resources=_resources(resreq), **settings
            )
            self._services[name] = RunnerService(handle, f"{self._name}/{name}", execution_object)
        return self._services[name]

    def get(self, futures: list[ObjectFuture]) -> list[Any]:
        """Return the results, in the order of the futures."""
        return [future.get() for future in futures]

    def ref(self, futures: list[ObjectFuture]) -> list[ObjectRef]:
        """Return references to the results, in the order of the futures."""
        return [future.ref() for future in futures]

    def wait(self, futures: list[ObjectFuture]) -> None:
        """Wait for all results."""
        for future in futures:
            future.wait()

    def select(self, futures: list[ObjectFuture]) -> ObjectFutureIterator:
        """Return an iterator of the futures in the order in which they are done."""
        return ObjectFutureIterator(futures)

    def put_object(self, obj: Any) -> ObjectRef:
        """Store a value once, to be used by many calls."""
        self._open()
        return put_object(f"{self._name}/shared", obj)

    def _open(self) -> FlameRunner:
        if self._runner is None:
            raise FlameError(FlameErrorCode.INVALID_STATE, f"runner '{self._name}' is closed")
        return self._runner


def _target(obj: Any) -> Any:
    """A callable instance counts as a function."""
    return obj if isinstance(obj, type) or is_plain_instance(obj) or hasattr(obj, "__code__") else partial(obj)


def _instances(context: RunnerContext) -> tuple[int, int]:
    least = context.min_instances
    return least, context.max_instances or max(CORES, least, 1)


def _resources(wanted: ResourceRequirement | None) -> Resources | None:
    return None if wanted is None else Resources(cpu=wanted.cpu, memory=wanted.memory, gpu=wanted.gpu)


def _check_python(wanted: str | None) -> None:
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    if wanted is not None and wanted.removeprefix("python") != here:
        warnings.warn(
            f"python_version={wanted!r} is not followed: executors have this program's Python, {here}, since code "
            "travels to them by value",
            stacklevel=3,
        )


def _check_dependencies(wanted: list[str]) -> None:
    import re
    from importlib import metadata

    for requirement in wanted:
        name = re.split(r"[^A-Za-z0-9._-]", requirement.strip(), maxsplit=1)[0]
        try:
            metadata.version(name)
        except metadata.PackageNotFoundError:
            warnings.warn(
                f"dependency {requirement!r} is not installed here: list it in the project's pyproject.toml and set "
                "'environment: uv' in flame.yaml, or install it",
                stacklevel=3,
            )
