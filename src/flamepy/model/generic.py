"""What generic classes are made of, without :mod:`typing`: its import is paid by every start.

Type checkers see the real thing. At run time ``class Box(Generic[T])`` is a class whose ``Box[int]`` is a
:class:`types.GenericAlias`, as that of ``list[int]`` is.
"""

from __future__ import annotations

__all__ = ["Any", "Generic", "P", "R", "T"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Generic, ParamSpec, TypeVar

    P = ParamSpec("P")
    R = TypeVar("R")
    T = TypeVar("T")
else:
    from types import GenericAlias

    class Generic:
        """The base of generic classes."""

        __slots__ = ()
        __class_getitem__ = classmethod(GenericAlias)

    Any, P, R, T = "Any", "P", "R", "T"
