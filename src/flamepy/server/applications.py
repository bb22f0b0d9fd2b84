"""The applications that are registered, and what makes a specification a good one."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from flamepy.server.records import Application
from flamepy.server.refusals import Refused, Why
from flamepy.wire.proto import types_pb2 as types

if TYPE_CHECKING:
    from collections.abc import Callable

    from flamepy.server.store import Store

MAX_INSTANCES = 1_000_000
DELAY_RELEASE_SECONDS = 60

_NAME = re.compile(r"(?![.-])[A-Za-z0-9._-]{1,253}\Z")
_TYPES = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})
_SAVE = "INSERT OR REPLACE INTO applications (name, spec, created) VALUES (?, ?, ?)"


class Applications:
    """All applications, by name.

    Args:
        store: Where they are kept.
        clock: Milliseconds since the epoch.
        busy: Whether an application has open sessions, by its name.
    """

    def __init__(self, store: Store, clock: Callable[[], int], busy: Callable[[str], bool]) -> None:
        self._store = store
        self._clock = clock
        self._busy = busy
        self._by_name: dict[str, Application] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def get(self, name: str) -> Application:
        """Return one.

        Raises:
            Refused: There is none of that name.
        """
        try:
            return self._by_name[name]
        except KeyError:
            raise Refused(Why.NOT_FOUND, f"application {name} not found") from None

    def all(self) -> list[Application]:
        """Return all of them, by name."""
        return [self._by_name[name] for name in sorted(self._by_name)]

    def restore(self, name: str, spec: bytes, created: int) -> None:
        """Take one that was read from the store."""
        self._by_name[name] = Application(name, types.ApplicationSpec.FromString(spec), created)

    def register(self, name: str, spec: types.ApplicationSpec) -> Application:
        """Add one.

        Raises:
            Refused: The name is bad or taken.
        """
        if not _NAME.match(name) or ".." in name:
            raise Refused(
                Why.INVALID,
                f"invalid application name {name[:300]!r}: 1 to 253 of A-Z a-z 0-9 . _ -, first no '.' or '-', no '..'",
            )
        if name in self._by_name:
            raise Refused(Why.EXISTS, f"application {name} already exists")
        return self._keep(name, spec, self._clock())

    def update(self, name: str, spec: types.ApplicationSpec) -> Application:
        """Replace the specification of one.

        Raises:
            Refused: There is none, or it has open sessions.
        """
        known = self.get(name)
        self._refuse_busy(name, "updated")
        return self._keep(name, spec, known.created)

    def unregister(self, name: str) -> None:
        """Remove one.

        Raises:
            Refused: There is none, or it has open sessions.
        """
        self.get(name)
        self._refuse_busy(name, "unregistered")
        del self._by_name[name]
        self._store.add("DELETE FROM applications WHERE name = ?", name)

    def _keep(self, name: str, spec: types.ApplicationSpec, created: int) -> Application:
        spec = completed(spec)
        self._by_name[name] = Application(name, spec, created)
        self._store.add(_SAVE, name, spec.SerializeToString(), created)
        return self._by_name[name]

    def _refuse_busy(self, name: str, what: str) -> None:
        if self._busy(name):
            raise Refused(Why.INVALID, f"application {name} has open sessions: close them before it is {what}")


def completed(spec: types.ApplicationSpec) -> types.ApplicationSpec:
    """Return a copy in which everything is set that always is."""
    full = types.ApplicationSpec()
    full.CopyFrom(spec)
    if not full.HasField("max_instances"):
        full.max_instances = MAX_INSTANCES
    if not full.HasField("delay_release"):
        full.delay_release = DELAY_RELEASE_SECONDS
    return full


def check_shape(spec: types.ApplicationSpec) -> None:
    """Check what a request can be told at once.

    Raises:
        Refused: The working directory is relative, or a schema is no JSON Schema.
    """
    if spec.working_directory and not spec.working_directory.startswith("/"):
        raise Refused(Why.INVALID, f"working_directory must be absolute, not {spec.working_directory[:300]!r}")
    if "\0" in spec.working_directory:
        raise Refused(Why.INVALID, "working_directory must not hold a NUL character")
    if spec.shim not in types.Shim.values():
        raise Refused(Why.INVALID, f"invalid shim {spec.shim}")
    for name in ("input", "output", "common_data"):
        if spec.schema.HasField(name):
            _check_schema(name, getattr(spec.schema, name))


def _check_schema(name: str, text: str) -> None:
    try:
        schema = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refused(Why.INVALID, f"the {name} schema is not JSON: {error}") from None
    if not _is_schema(schema, depth=100):
        raise Refused(Why.INVALID, f"the {name} schema is not a valid JSON Schema")


def _is_schema(schema: object, depth: int) -> bool:
    """Whether this can be a JSON Schema, as far as a few keywords show."""
    if isinstance(schema, bool):
        return True
    if not isinstance(schema, dict) or depth == 0:
        return False
    kinds = schema.get("type", [])
    properties = schema.get("properties", {})
    required = schema.get("required", [])
    return (
        _all_of(kinds if isinstance(kinds, list) else [kinds], _TYPES)
        and isinstance(properties, dict)
        and all(_is_schema(each, depth - 1) for each in properties.values())
        and isinstance(required, list)
        and all(isinstance(each, str) for each in required)
        and (isinstance(schema.get("items", True), list) or _is_schema(schema.get("items", True), depth - 1))
    )


def _all_of(words: list[object], known: frozenset[str]) -> bool:
    return all(isinstance(each, str) and each in known for each in words)
