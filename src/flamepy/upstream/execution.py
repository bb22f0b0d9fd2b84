"""What upstream's Runner runs in a cluster: ``python -m flamepy.runner.runpy``."""

from __future__ import annotations

import inspect
import logging
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from flamepy.serialization import plain
from flamepy.upstream.caches import noticed
from flamepy.upstream.instance import FlameService, SessionContext, TaskContext, run
from flamepy.upstream.objects import ObjectRef, get_object, put_object, update_object
from flamepy.upstream.requests import RunnerContext, RunnerRequest

_AT_ONCE = 8


class FlameRunpyService(FlameService):
    """Runs the methods of the object in a session's common data.

    The state of an instance is what the cache holds: it is read before each task and written after it, so that any
    process may go on with it.
    """

    def __init__(self) -> None:
        self._prefix = ""
        self._ref: ObjectRef | None = None
        self._context: RunnerContext | None = None
        self._object: Any = None

    def on_session_enter(self, context: SessionContext) -> bool:
        """Fetch the object, and make an instance of a class.

        Raises:
            ValueError: There is no common data, or it is no reference.
            TypeError: It is no reference to an object of upstream's Runner.
        """
        common_data = context.common_data()
        if common_data is None:
            raise ValueError("the session has no common data: it was not made by a Runner")
        self._ref = ObjectRef.decode(common_data)
        self._prefix = f"{context.application.name}/{context.session_id}"
        noticed(self._ref.endpoint)
        self._load()
        return True

    def on_task_invoke(self, context: TaskContext) -> bytes | None:
        """Run a call; its result goes into the cache, and the reference to it is the output.

        Raises:
            TypeError: The input is no request.
            AttributeError: It asks for what the object has not.
        """
        assert self._context is not None
        if self._context.stateful:
            self._load()
        request = plain.loads(context.input or b"")
        if not isinstance(request, RunnerRequest):
            raise TypeError(f"the task's input is no request of a Runner but {type(request).__name__}")
        request.__post_init__()
        result = self._function(request.method)(*_resolved(request.args or ()), **_resolved_names(request.kwargs or {}))
        if self._context.stateful:
            self._save()
        return put_object(self._prefix, result).encode()

    def on_session_leave(self) -> bool:
        """Forget the object."""
        self._ref = self._context = self._object = None
        return True

    def _load(self) -> None:
        assert self._ref is not None
        context = plain.loads(get_object(self._ref))
        if not isinstance(context, RunnerContext):
            raise TypeError("the session's common data refers to no object of a Runner")
        self._context = context
        target = context.execution_object
        self._object = target() if inspect.isclass(target) else target

    def _save(self) -> None:
        assert self._ref is not None
        update_object(self._ref, plain.dumps(RunnerContext(self._object)))

    def _function(self, method: str | None) -> Any:
        found = self._object if method is None else getattr(self._object, method, None)
        if not callable(found):
            what = "cannot be called" if method is None else f"has no method '{method}'"
            raise AttributeError(f"the service's {type(self._object).__name__} {what}")  # noqa: TRY004
        return found


def _resolved(values: Any) -> list[Any]:
    """Put objects in the place of references, several at once."""
    values = list(values)
    places = {place: ref for place, value in enumerate(values) if (ref := as_reference(value)) is not None}
    if len(places) > 1:
        with ThreadPoolExecutor(min(len(places), _AT_ONCE)) as pool:
            found = dict(zip(places, pool.map(get_object, places.values()), strict=True))
    else:
        found = {place: get_object(ref) for place, ref in places.items()}
    return [found.get(place, value) for place, value in enumerate(values)]


def _resolved_names(values: dict[str, Any]) -> dict[str, Any]:
    return dict(zip(values, _resolved(values.values()), strict=True))


def as_reference(value: object) -> ObjectRef | None:
    """Return the reference that a value is, or that its bytes stand for; None for any other value."""
    if isinstance(value, ObjectRef):
        return value
    if isinstance(value, bytes):
        try:
            return ObjectRef.decode(value)
        except ValueError:
            return None
    return None


def main() -> None:
    """Serve the cluster that started this program; ``FLAME_LOG`` is the log level."""
    level = logging.getLevelName(os.environ.get("FLAME_LOG", "info").upper())
    logging.basicConfig(level=level if isinstance(level, int) else logging.INFO)
    run(FlameRunpyService())
