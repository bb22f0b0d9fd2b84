"""FlameRunnerService: a function, class or instance that runs in executors and is used like the original.

One call, from here to the executor and back::

    service.add(1) ─ RemoteMethod.__call__ ─ Session.submit ─ ... ─ runtime.loop ─ ... ─ ObjectExpr
"""

from __future__ import annotations

from sys import _getframe

from flamepy.completion import PENDING
from flamepy.model.generic import Any, Generic, P, R, T
from flamepy.object_expr import ObjectExpr
from flamepy.signatures import Accepts, Arity

TYPE_CHECKING = False
if TYPE_CHECKING:
    import inspect
    from collections.abc import Callable, Iterable
    from typing import Concatenate, overload

    from flamepy.engines.port import Session
    from flamepy.model.specs import CallOptions

_new = ObjectExpr.__new__
_here = globals()


class OwnDoc:
    """A ``__doc__`` that is the class's own on the class, and of the original on an instance.

    Args:
        text: The class's.
    """

    def __init__(self, text: str | None) -> None:
        self._text = text

    def __get__(self, handle: Any, owner: type) -> str | None:
        return self._text if handle is None else handle._documentation()


class RemoteMethod(Generic[P, R]):
    """One method of a service; calling it submits a task and returns at once.

    Example:
        >>> counter.add.options(timeout=5)(1)  # doctest: +SKIP
        >>> counter.add.map([1, 2, 3])  # doctest: +SKIP
    """

    __doc__ = OwnDoc(__doc__)

    __slots__ = ("_accepts", "_least", "_most", "_number", "_options", "_session", "_submit", "function", "name")

    def __init__(
        self,
        session: Session,
        number: int,
        name: str,
        function: Any,
        accepts: Accepts,
        options: CallOptions | None = None,
    ) -> None:
        self._session = session
        self._submit = session.submit
        self._number = number
        self._accepts = accepts
        self._least, self._most = accepts.least, accepts.most
        self._options = options
        self.name = name
        self.function = function

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> ObjectExpr[R]:
        """Submit a task.

        Args:
            args: As for the original; an ObjectExpr among them, at any depth, arrives as its value.
            kwargs: Likewise.

        Returns:
            The result to be.

        Raises:
            TypeError: The arguments do not fit the original's signature.
            SerializationError: An argument cannot be sent.
            ServiceClosed: The service is closed.
        """
        if kwargs or not self._least <= len(args) <= self._most:
            self._accepts.check(args, kwargs)
        expr: ObjectExpr[R] = _new(ObjectExpr)
        expr._outcome = PENDING
        expr._callbacks = expr._extra = None
        frame: Any = _getframe(1)
        while frame.f_globals is _here:  # by the service itself, or by map
            frame = frame.f_back
        expr._code = frame.f_code
        expr._offset = frame.f_lasti
        self._submit(expr, self._number, args, kwargs, self._options)
        return expr

    def map(self, *iterables: Iterable[Any]) -> list[ObjectExpr[R]]:
        """Submit one task for each item (each tuple of items, of several iterables), like the built-in ``map``.

        Returns:
            The results to be, in the order of the items; see `flamepy.as_completed` and `flamepy.get`.
        """
        call: Any = self
        return [call(*items) for items in zip(*iterables, strict=False)]

    def options(
        self,
        *,
        timeout: float | None = None,
        retries: int | None = None,
        retry_exceptions: tuple[type[BaseException], ...] | None = None,
        priority: int | None = None,
    ) -> RemoteMethod[P, R]:
        """Return this method with other options; what is not given stays as it is.

        Args:
            timeout: Seconds that the task may run before it is stopped.
            retries: How often it is run again when its executor dies or it runs out of time.
            retry_exceptions: Exceptions of the task itself after which it is run again, too.
            priority: Higher ones go first among the waiting calls of a function.
        """
        given = {
            "timeout": timeout,
            "retries": retries,
            "retry_exceptions": retry_exceptions,
            "priority": priority,
        }
        base = self._options or self._session.spec.defaults
        changed: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        options = base._replace(**changed)
        return RemoteMethod(self._session, self._number, self.name, self.function, self._accepts, options)

    def _documentation(self) -> str | None:
        return getattr(self.function, "__doc__", None)

    @property
    def __name__(self) -> str:
        return self.name.rpartition(".")[2]

    @property
    def __wrapped__(self) -> Any:
        """The original, for :mod:`inspect` and the like."""
        return self.function

    @property
    def __signature__(self) -> inspect.Signature | None:
        return self._accepts.signature()

    def __repr__(self) -> str:
        return f"<remote method {self.name}>"


class FlameRunnerService(Generic[T]):
    """A handle to a service: the public methods of the original, each of which submits a task.

    Made by `FlameRunner.service`. It can be passed to tasks of other services and used there. ``close``, ``map`` and
    ``options`` are the service's own unless the original has methods of these names.
    """

    __doc__ = OwnDoc(__doc__)

    _flame_session: Session
    _flame_methods: dict[str, RemoteMethod[..., Any]]
    _flame_call: RemoteMethod[..., Any] | None

    def __init__(self, session: Session, methods: dict[str, tuple[Any, Accepts]]) -> None:
        name = session.spec.name
        made: dict[str, RemoteMethod[..., Any]] = {
            method: RemoteMethod(session, number, f"{name}.{method}" if method else name, function, accepts)
            for number, (method, (function, accepts)) in enumerate(methods.items())
        }
        self._flame_session = session
        self._flame_description = methods
        self._flame_methods = made
        self._flame_call = made.get("")
        self.__dict__.update({method: remote for method, remote in made.items() if method})

    def __call__(self, /, *args: Any, **kwargs: Any) -> ObjectExpr[Any]:
        """Call the function (or the instance's ``__call__``) as a task; see `RemoteMethod.__call__`.

        Raises:
            TypeError: The original cannot be called.
        """
        if self._flame_call is None:
            names = ", ".join(sorted(self._flame_methods))
            raise TypeError(f"service '{self._flame_session.spec.name}' cannot be called itself; its methods: {names}")
        return self._flame_call(*args, **kwargs)

    def map(self, *iterables: Iterable[Any]) -> list[ObjectExpr[Any]]:
        """Submit one task for each item; see `RemoteMethod.map`."""
        return self._own_call("map").map(*iterables)

    def options(self, **options: Any) -> RemoteMethod[..., Any]:
        """The service's call with other options; see `RemoteMethod.options`."""
        return self._own_call("options").options(**options)

    if TYPE_CHECKING:

        @overload
        def call(
            self, method: Callable[Concatenate[T, P], R], /, *args: P.args, **kwargs: P.kwargs
        ) -> ObjectExpr[R]: ...

        @overload
        def call(self, method: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> ObjectExpr[R]: ...

    def call(self, method: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Submit ``method``, given as the original's function, so that type checkers know its parameters and result.

        Example:
            >>> counter.call(Counter.add, 1)  # doctest: +SKIP
        """
        return getattr(self, method.__name__)(*args, **kwargs)

    def close(self) -> None:
        """Wait for the tasks submitted so far and release the executors; later calls raise ServiceClosed."""
        self._flame_session.close()

    def _documentation(self) -> str:
        """What ``help()`` shows: the original's methods with their signatures and documentation."""
        parts = []
        for name, method in self._flame_methods.items():
            text = (method.__doc__ or "").strip().replace("\n", "\n    ")
            head = f"{name or self._flame_session.spec.name}{method.__signature__ or '(...)'}"
            parts.append(f"{head}\n    {text}".rstrip())
        return "\n\n".join(parts)

    def _own_call(self, what: str) -> RemoteMethod[..., Any]:
        if self._flame_call is None:
            name = self._flame_session.spec.name
            raise TypeError(f"'{what}' needs a function; for a method of '{name}' use service.method.{what}(...)")
        return self._flame_call

    def __getattr__(self, name: str) -> Any:
        if name == "__signature__" and self._flame_call is not None:
            return self._flame_call.__signature__
        if name.startswith("_"):
            raise AttributeError(name)
        raise AttributeError(self._suggest(name))

    def _suggest(self, name: str) -> str:
        import difflib

        names = [method for method in self._flame_methods if method]
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"it has: {', '.join(sorted(names)) or 'no methods'}"
        return f"service '{self._flame_session.spec.name}' has no method '{name}'; {hint}"

    def __dir__(self) -> list[str]:
        return sorted({*(m for m in self._flame_methods if m), "map", "options", "close", "call"})

    def __reduce__(self) -> tuple[Any, ...]:
        # Inside a task only the names and the arity matter; the originals stay where they are.
        arities = {name: (accepts.least, accepts.most) for name, (_, accepts) in self._flame_description.items()}
        return _reopen, (type(self), self._flame_session, arities)

    def __repr__(self) -> str:
        names = ", ".join(name or "()" for name in self._flame_methods)
        return f"<FlameRunnerService {self._flame_session.spec.name}: {names}>"

    def _repr_html_(self) -> str:
        import html

        own = self._flame_session.spec.name
        rows = ""
        for name, method in self._flame_methods.items():
            summary = (getattr(method.function, "__doc__", None) or "").strip().partition("\n")[0]
            rows += f"<tr><td><code>{html.escape(name or own)}</code></td><td>{html.escape(summary)}</td></tr>"
        return f"<b>{html.escape(own)}</b><table>{rows}</table>"


class FunctionService(FlameRunnerService[Any], Generic[P, R]):
    """The service of a function; keeps the function's parameters and result for type checkers."""

    __doc__ = OwnDoc(__doc__)

    if TYPE_CHECKING:

        def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> ObjectExpr[R]:
            """Call the function as a task."""

        def map(self, *iterables: Iterable[Any]) -> list[ObjectExpr[R]]:
            """Submit one task for each item."""

        def options(self, **options: Any) -> RemoteMethod[P, R]:
            """The function's call with other options."""


def _reopen(kind: type[FlameRunnerService[Any]], session: Any, arities: dict[str, tuple[int, int]]) -> Any:
    """Make a handle inside a task."""
    return kind(session, {name: (None, Arity(name or session.spec.name, *arity)) for name, arity in arities.items()})


# Upstream's flamepy has a package of this name: its modules, and its names that we do not have.
__path__ = [f"{__file__.rpartition('/')[0]}/upstream/names/service"]


def __getattr__(name: str) -> object:
    if name.startswith("_"):
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    upstream = __import__("flamepy.upstream", fromlist=[name])
    return upstream.find(name, upstream.SERVICE, __name__)
