"""What a callable accepts, so that wrong arguments fail in the caller before anything is sent.

The usual call, positional arguments only and not too many or too few, is checked by two comparisons; only a wrong or
unusual one pays for :mod:`inspect` (10 ms to import).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import inspect
    from collections.abc import Callable
    from typing import Any

VARARGS, VARKEYWORDS = 0x04, 0x08
MANY = 1 << 30


class Accepts:
    """The parameters of one callable.

    Args:
        function: What will be called.
        name: How it is called in messages.
        bound: Arguments at the front that are given already (``self``).

    Attributes:
        least: Positional arguments at least; more than any call has if this cannot be told cheaply.
        most: Positional arguments at most.
    """

    __slots__ = ("_bound", "_function", "_name", "_signature", "least", "most")

    def __init__(self, function: Callable[..., Any] | None, name: str, bound: int) -> None:
        self._function: Any = function
        self._name, self._bound = name, bound
        self._signature: inspect.Signature | None = None
        self.least, self.most = _positional(function, bound)

    def check(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Raise what Python itself would raise for these arguments.

        Raises:
            TypeError: They do not fit; the message has the signature.
        """
        signature = self.signature()
        if signature is None:
            return
        try:
            signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{self._name}{signature}: {error}") from None

    def signature(self) -> inspect.Signature | None:
        """The signature as the caller sees it; None for a callable that has none."""
        if self._signature is None:
            import inspect

            try:
                signature = inspect.signature(self._function)
            except (TypeError, ValueError):
                self.least, self.most = 0, MANY
                return None
            parameters = list(signature.parameters.values())
            if self._bound and parameters and parameters[0].kind is not inspect.Parameter.VAR_POSITIONAL:
                parameters = parameters[self._bound :]
            self._signature = signature.replace(parameters=parameters)
        return self._signature


class Arity(Accepts):
    """What is known of a method whose original is elsewhere: how many positional arguments it takes.

    Args:
        name: How it is called in messages.
        least: Positional arguments at least.
        most: Positional arguments at most; fewer than ``least`` if this is not known.
    """

    __slots__ = ()

    def __init__(self, name: str, least: int, most: int) -> None:
        super().__init__(None, name, 0)
        self.least, self.most = (least, most) if least <= most else (0, MANY)

    def check(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Raise for too many arguments, or too few; names are checked where the original is.

        Raises:
            TypeError: They do not fit.
        """
        given = len(args) + len(kwargs)
        if len(args) > self.most or given < self.least:
            most = "" if self.most == MANY else f" and at most {self.most}"
            wanted = f"at least {self.least}{most} positional arguments"
            raise TypeError(f"{self._name}() takes {wanted}; {given} were given")

    def signature(self) -> None:
        """It is elsewhere."""
        return


def _positional(function: Any, bound: int) -> tuple[int, int]:
    """How many positional arguments a plain Python function takes; ``(MANY, 0)`` when only inspect can tell."""
    code = getattr(function, "__code__", None)
    if code is None or getattr(function, "__wrapped__", None) is not None or code.co_kwonlyargcount:
        return MANY, 0
    most = code.co_argcount - bound
    least = most - len(getattr(function, "__defaults__", None) or ())
    return max(0, least), MANY if code.co_flags & VARARGS else most
