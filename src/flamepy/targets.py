"""What can be a service: a function, a class or an instance - its methods, its signature, its pickle."""

from __future__ import annotations

import sys
from functools import partial

from flamepy.errors import SerializationError, ServiceError
from flamepy.serialization import codec
from flamepy.serialization.blame import explain
from flamepy.signatures import Accepts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

PLAIN_CALLABLES = frozenset(
    {"function", "builtin_function_or_method", "method", "partial", "type", "method_descriptor"}
)


class Target:
    """A function, class or instance that shall become a service.

    Args:
        obj: What the user gave.

    Attributes:
        kind: ``function``, ``class`` or ``instance``.
        name: What people see.
        methods: Its callables by name, ``""`` for itself, each with what it accepts.

    Raises:
        ServiceError: It has nothing that can be called.
    """

    def __init__(self, obj: object) -> None:
        self.obj = obj
        self.kind = _kind_of(obj)
        self.name = _name_of(obj)
        if self.kind == "function":
            function: Any = obj
            self.methods = {"": (function, Accepts(function, self.name, 0))}
        else:
            self.methods = dict(_methods_of(obj, is_class=self.kind == "class"))
        if not self.methods:
            raise ServiceError(f"{self.name} has no public methods; give service() a function, a class or an instance")

    def pickle(self, *, main_by_value: bool) -> bytes:
        """Pickle the original.

        Raises:
            SerializationError: It, or something it refers to, cannot be pickled; the message says what.
        """
        try:
            return codec.dumps(self.obj, main_by_value=main_by_value)
        except SerializationError:
            raise
        except Exception as error:
            try_to_pickle = partial(codec.probe, main_by_value=main_by_value)
            raise explain(self.obj, error, f"service target '{self.name}'", try_to_pickle) from error

    def module(self) -> str | None:
        """The module it is imported from, None if it travels by value."""
        obj: Any = self.obj if self.kind != "instance" else type(self.obj)
        return getattr(obj, "__module__", None)


def _kind_of(obj: Any) -> str:
    if isinstance(obj, type):
        return "class"
    return "function" if type(obj).__name__ in PLAIN_CALLABLES or hasattr(obj, "__code__") else "instance"


def _name_of(obj: Any) -> str:
    name = getattr(obj, "__name__", None) or getattr(getattr(obj, "func", None), "__name__", None)
    return str(name or type(obj).__name__)


def _methods_of(obj: Any, *, is_class: bool) -> Iterator[tuple[str, tuple[Any, Accepts]]]:
    """The public callables, inherited ones too; those of the class are looked up without running descriptors."""
    owner = obj if is_class else type(obj)
    own = {} if is_class else getattr(obj, "__dict__", {})
    if "__call__" in _defined(owner):
        yield "", (owner.__call__, Accepts(owner.__call__, "__call__", 1))
    for name in sorted({*dir(owner), *own}):
        if not name.startswith("_"):
            function, bound = _callable_at(_static(owner, name) or own.get(name), in_class=name not in own)
            if function is not None:
                yield name, (function, Accepts(function, name, bound))


def _callable_at(value: Any, *, in_class: bool) -> tuple[Any, int]:
    """The function behind an attribute, and how many arguments at its front are given by the way it is looked up."""
    if isinstance(value, staticmethod):
        return value.__func__, 0
    if isinstance(value, classmethod):
        return value.__func__, 1
    if not callable(value):
        return None, 0
    return value, 0 if isinstance(value, type) or not in_class else 1


def _defined(owner: type) -> set[str]:
    return {name for base in owner.__mro__ if base is not object for name in vars(base)}


def _static(owner: type, name: str) -> Any:
    for base in owner.__mro__:
        if name in vars(base):
            return vars(base)[name]
    return None


def adopt_main() -> None:
    """Know the main script's classes by the executors' name for it, too: it travels as a file."""
    from flamepy.runtime.target import MAIN_ALIAS

    sys.modules.setdefault(MAIN_ALIAS, sys.modules["__main__"])
