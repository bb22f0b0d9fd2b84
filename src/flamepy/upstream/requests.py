"""What upstream's Runner puts into sessions and tasks; pickled by these classes' names, here and there."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from typing import Any

MAX_SESSION_ID = 128


@dataclass
class SessionContext:
    """How a service's session is to be called; put it on the object as ``_session_context``.

    Raises:
        ValueError: The id is empty, too long, or no text.
    """

    session_id: str | None = None
    application_name: str | None = None

    def __post_init__(self) -> None:
        """Check it."""
        given: Any = self.session_id
        if given is not None and not (isinstance(given, str) and 0 < len(given) <= MAX_SESSION_ID):
            raise ValueError(f"session_id must be a text of 1 to {MAX_SESSION_ID} characters, not {given!r}")
        if self.application_name is not None and not isinstance(self.application_name, str):
            raise ValueError(f"application_name must be a text, not {self.application_name!r}")


@dataclass
class RunnerContext:
    """The object of a service, and how many instances of it.

    A function or class may have any number, each without state that counts; an instance has one, with state.

    Raises:
        ValueError: The settings do not fit the object.
    """

    execution_object: Any
    stateful: bool | None = None
    autoscale: bool | None = None
    warmup: int = 0
    min_instances: int = field(init=False, repr=False)
    max_instances: int | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Check the settings and fill in the rest."""
        if self.warmup < 0:
            raise ValueError("warmup must be a non-negative number of instances")
        if is_plain_instance(self.execution_object):
            self._check_instance()
        elif self.stateful:
            raise ValueError("functions and classes are always stateless: leave stateful out")
        else:
            self.stateful = False
            self.autoscale = self.autoscale is None or self.autoscale
        self.min_instances = self.warmup or (0 if self.autoscale else 1)
        self.max_instances = None if self.autoscale else self.min_instances

    def _check_instance(self) -> None:
        if self.stateful is False:
            raise ValueError("object instances are always stateful: leave stateful out")
        if self.autoscale:
            raise ValueError("object instances are always fixed: leave autoscale out")
        if self.warmup not in (0, 1):
            raise ValueError("object instances only support warmup=0 or warmup=1")
        self.stateful, self.autoscale = True, False


@dataclass
class RunnerRequest:
    """One call: a method's name, or None for the object itself, and the arguments.

    Raises:
        ValueError: A field is of another type.
    """

    method: str | None = None
    args: tuple[Any, ...] | None = None
    kwargs: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        """Check the fields; to be called after unpickling, too."""
        if self.method is not None and not isinstance(self.method, str):
            raise ValueError(f"method must be a text, not {type(self.method).__name__}")
        if self.args is not None and not isinstance(self.args, tuple | list):
            raise ValueError(f"args must be a tuple or list, not {type(self.args).__name__}")
        if self.kwargs is not None and not isinstance(self.kwargs, dict):
            raise ValueError(f"kwargs must be a dict, not {type(self.kwargs).__name__}")


for _class in (SessionContext, RunnerContext, RunnerRequest):
    _class.__module__ = "flamepy.runner.types"


def is_plain_instance(obj: object) -> bool:
    """Whether an object is neither a function, nor a class, nor callable."""
    return not callable(obj) and not inspect.isclass(obj)


# cloudpickle takes a class by its name only if the module of that name is loaded.
__import__("flamepy.runner.types")
