"""Records: named tuples that cost little to make.

Type checkers see :class:`typing.NamedTuple`, and this is one in all that matters: fields in order, defaults, immutable,
a tuple to compare, hash, unpack and pickle. But a class takes 15 microseconds to make instead of 250, and :mod:`typing`
3 milliseconds to import; every start of a program pays for two dozen of them. An instance takes half a microsecond
more to make, so what exists once for every call is no record.
"""

from __future__ import annotations

__all__ = ["Record"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    import inspect
    from collections.abc import Mapping
    from typing import Any
    from typing import NamedTuple as Record
else:
    from _collections import _tuplegetter

    class Record(tuple):
        """The base of records; their annotated names are the fields, in this order.

        Attributes:
            _fields: The names of the fields.
            _field_defaults: Their defaults, by name.

        Example:
            >>> class Point(Record):
            ...     x: int
            ...     y: int = 0
            >>> Point(1)._replace(y=2)
            Point(x=1, y=2)
        """

        __slots__ = ()
        _fields: tuple[str, ...] = ()
        _field_defaults: Mapping[str, Any] = {}

        def __init_subclass__(cls) -> None:
            known = cls._fields
            own = [name for name in cls.__annotations__ if name not in known]
            given = {name: cls.__dict__[name] for name in own if name in cls.__dict__}
            cls._fields = (*known, *own)
            cls._field_defaults = {**cls._field_defaults, **given}
            for index, name in enumerate(own, len(known)):
                setattr(cls, name, _tuplegetter(index, None))

        def __new__(cls, /, *values: Any, **named: Any) -> Any:
            """Make a record, of values by position, by name, or by default.

            Raises:
                TypeError: One is missing, given twice, or there is no such field.
            """
            fields = cls._fields
            if named or len(values) != len(fields):
                known = {**cls._field_defaults, **dict(zip(fields, values, strict=False)), **named}
                twice = named and not named.keys().isdisjoint(fields[: len(values)])
                if twice or len(values) > len(fields) or known.keys() != set(fields):
                    raise _misfit(cls, values, named)
                values = map(known.__getitem__, fields)
            return tuple.__new__(cls, values)

        def _replace(self, /, **changes: Any) -> Any:
            """Return a copy with other values for some fields."""
            values = [changes.pop(name, value) for name, value in zip(self._fields, self, strict=True)]
            if changes:
                raise TypeError(f"{type(self).__name__} has no field {', '.join(map(repr, changes))}")
            return tuple.__new__(type(self), values)

        __replace__ = _replace

        def _asdict(self) -> dict[str, Any]:
            """Return the values by the names of their fields."""
            return dict(zip(self._fields, self, strict=True))

        def __getnewargs__(self) -> tuple[Any, ...]:
            return tuple(self)

        def __setattr__(self, name: str, value: object) -> None:
            raise AttributeError(f"{type(self).__name__} does not change; use _replace({name}=...) for a changed copy")

        def __repr__(self) -> str:
            shown = ", ".join(f"{name}={value!r}" for name, value in zip(self._fields, self, strict=True))
            return f"{type(self).__name__}({shown})"

    def _misfit(cls: type[Record], values: tuple[Any, ...], named: dict[str, Any]) -> TypeError:
        """The error for values that are not those of a record."""
        rest = cls._fields[len(values) :]
        missing = [name for name in rest if name not in named and name not in cls._field_defaults]
        wrong = [repr(value) for value in values[len(cls._fields) :]] + [name for name in named if name not in rest]
        problem = f"needs a value for {', '.join(missing)}" if missing else f"has no place for {', '.join(wrong)}"
        return TypeError(f"{cls.__name__}({', '.join(cls._fields)}) {problem}")

    class _Signature:
        """Of the class, for :mod:`inspect`, made when it is asked for."""

        def __get__(self, record: Record | None, cls: type[Record]) -> inspect.Signature:
            import inspect

            empty, keyword = inspect.Parameter.empty, inspect.Parameter.POSITIONAL_OR_KEYWORD
            kinds: dict[str, Any] = {}
            for base in reversed(cls.__mro__):
                kinds |= getattr(base, "__annotations__", {})
            return inspect.Signature(
                [
                    inspect.Parameter(
                        name, keyword, default=cls._field_defaults.get(name, empty), annotation=kinds[name]
                    )
                    for name in cls._fields
                ]
            )

    Record.__signature__ = _Signature()
