"""Snapshots as plain JSON values and back, such that programs of different flamepy versions understand each other."""

from __future__ import annotations

from _json import encode_basestring_ascii

from flamepy.model.snapshot import (
    ApplicationRecord,
    ExecutorRecord,
    NodeRecord,
    PackageRecord,
    SessionRecord,
    Snapshot,
    TaskRecord,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any, TypeVar

    R = TypeVar("R")

RECORD_TYPES: Mapping[str, type[Any]] = {
    "applications": ApplicationRecord,
    "sessions": SessionRecord,
    "tasks": TaskRecord,
    "executors": ExecutorRecord,
    "nodes": NodeRecord,
    "packages": PackageRecord,
}
"""The tuples of a `Snapshot` and what they hold."""


def encode(snapshot: Snapshot) -> dict[str, Any]:
    """Return the snapshot as values that JSON can hold; the reverse of `decode`."""
    encoded = fields_of(snapshot)
    for name in RECORD_TYPES:
        encoded[name] = [fields_of(record) for record in encoded[name]]
    return encoded


_WORDS = {None: "null", True: "true", False: "false"}


def to_json(value: Any) -> str:
    """Return JSON of what `encode` gives: a start that needs nothing else of :mod:`json` is a millisecond faster."""
    if isinstance(value, str):
        return encode_basestring_ascii(value)
    if isinstance(value, dict):
        return f"{{{','.join([f'{encode_basestring_ascii(name)}:{to_json(item)}' for name, item in value.items()])}}}"
    if isinstance(value, list | tuple):
        return f"[{','.join(map(to_json, value))}]"
    if value is None or value is True or value is False:
        return _WORDS[value]
    if type(value) is int or (type(value) is float and value - value == 0):
        return repr(value)
    import json

    return json.dumps(value)


def decode(data: Mapping[str, Any]) -> Snapshot:
    """Return the snapshot that `encode` has taken apart, here or in another version of flamepy.

    Fields that this version does not know are left out; those that the other did not know have their defaults.

    Raises:
        ValueError: ``data`` is no snapshot, or comes from a version too different to be understood.

    Example:
        >>> decode({"engine": "a", "endpoint": "local://", "pid": 1, "live": True, "created": 0, "new": 1}).engine
        'a'
    """
    try:
        fields: dict[str, Any] = {name: data[name] for name in ("engine", "endpoint", "pid", "live", "created")}
        fields |= {name: tuple(build_all(kind, data.get(name, ()))) for name, kind in RECORD_TYPES.items()}
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"not a snapshot: {error}") from error
    return Snapshot(**fields)


def fields_of(record: Any) -> dict[str, Any]:
    """Return a record's fields by name, not deeper."""
    fields: dict[str, Any] = record._asdict()
    return fields


def build_all(kind: Callable[..., R], rows: Iterable[Mapping[str, Any]]) -> Iterable[R]:
    """Yield records from rows of `fields_of` that may have been JSON in between.

    Raises:
        TypeError: A row lacks a field that has no default.
    """
    # Thousands of rows of history come through here: rows that need no change get none.
    known = frozenset(kind._fields)  # type: ignore[attr-defined]
    defaults: dict[str, Any] = kind._field_defaults  # type: ignore[attr-defined]
    tuples = [name for name, default in defaults.items() if isinstance(default, tuple)]
    for row in rows:
        fields = row if known >= row.keys() else {name: row[name] for name in row if name in known}
        if tuples:
            fields = {**fields, **{name: _frozen(fields[name]) for name in tuples if name in fields}}
        yield kind(**fields)


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value
