"""Upstream's object cache client: ``put_object``, ``get_object`` and their siblings."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flamepy.errors import EngineError, EngineUnavailable
from flamepy.upstream.caches import client_of, default_client
from flamepy.upstream.encoding import decode, encode, from_native_table, native_table
from flamepy.wire import objects

if TYPE_CHECKING:
    from collections.abc import Callable

    from flamepy.wire.cache import CacheClient
    from flamepy.wire.rows import Fetched

    Deserializer = Callable[[Any, list[Any]], Any]

WILDCARD_SESSION = "*"
_REMEMBERED = 1000


@dataclass
class ObjectRef:
    """An object in a cache, as upstream writes it down; version 0 is whichever is current."""

    endpoint: str
    key: str
    version: int = 0

    def encode(self) -> bytes:
        """Return the BSON document that stands for it in tasks."""
        return objects.ObjectRef(self.endpoint, self.key, self.version).encode()

    @classmethod
    def decode(cls, json_data: bytes) -> ObjectRef:
        """Read such a document.

        Raises:
            ValueError: It is none.
        """
        return cls(*objects.ObjectRef.decode(json_data))


@dataclass(frozen=True)
class ObjectKey:
    """A key, a prefix, or all sessions of an application."""

    app_name: str
    session_id: str
    object_id: str | None = None

    def __post_init__(self) -> None:
        """Check it."""
        if self.object_id is None:
            objects.split_prefix(self.to_prefix(), any_session=True)
        else:
            objects.split_key(str(self.to_key()))

    @classmethod
    def from_path(cls, path: str) -> ObjectKey:
        """Read a key or a prefix."""
        if objects.is_prefix(path):
            return cls(*objects.split_prefix(path, any_session=True))
        return cls(*objects.split_key(path))

    @classmethod
    def from_prefix(cls, prefix: str) -> ObjectKey:
        """Read a prefix."""
        return cls(*objects.split_prefix(prefix, any_session=True))

    @classmethod
    def from_key(cls, key: str) -> ObjectKey:
        """Read a key."""
        return cls(*objects.split_key(key))

    @classmethod
    def for_shared(cls, app_name: str) -> ObjectKey:
        """The prefix of what an application's sessions share."""
        return cls(app_name, "shared")

    @classmethod
    def for_all_sessions(cls, app_name: str) -> ObjectKey:
        """All sessions of an application."""
        return cls(app_name, WILDCARD_SESSION)

    def is_all_sessions(self) -> bool:
        """Whether it means all sessions."""
        return self.session_id == WILDCARD_SESSION

    def to_prefix(self) -> str:
        """Its first two parts."""
        return f"{self.app_name}/{self.session_id}"

    def to_key(self) -> str | None:
        """All of it; None for a prefix."""
        return None if self.object_id is None else f"{self.to_prefix()}/{self.object_id}"

    def __str__(self) -> str:
        return self.to_key() or self.to_prefix()


# Programs that pickled references with upstream's flamepy find the class, and so do its programs ours.
ObjectRef.__module__ = ObjectKey.__module__ = "flamepy.core.cache"


@dataclass
class _Known:
    """An object that this process has read: its version, what was put, and what was appended."""

    version: int
    base: Any
    patches: list[Any]


_known: OrderedDict[tuple[str, str], _Known] = OrderedDict()
_known_lock = threading.Lock()


def put_object(key_prefix: str, obj: Any) -> ObjectRef:
    """Store a value under a new name.

    Args:
        key_prefix: ``<application>/<session>``.
        obj: Anything that can be pickled; tables and data frames are kept as Arrow tables.

    Raises:
        ValueError: The prefix is malformed.
        flamepy.EngineError: The cache refuses.
    """
    ObjectKey.from_prefix(key_prefix)
    return _stored(default_client(), key_prefix, obj)


def update_object(ref: ObjectRef, new_obj: Any) -> ObjectRef:
    """Replace an object; returns the reference of its next version.

    Raises:
        flamepy.EngineError: The cache refuses.
    """
    return _stored(client_of(ref.endpoint), ref.key, new_obj)


def patch_object(ref: ObjectRef, delta: Any) -> ObjectRef:
    """Append to an object; see ``deserializer`` of `get_object`.

    Raises:
        ValueError: There is no such object.
        flamepy.EngineError: The cache refuses.
    """
    try:
        return ObjectRef(*client_of(ref.endpoint).patch(ref.key, b"".join(encode(delta))))
    except EngineError as error:
        raise _as_value_error(error, ref) from error


def get_object(ref: ObjectRef, deserializer: Deserializer | None = None) -> Any:
    """Fetch a value; what this process has already is not sent again.

    Args:
        ref: Its reference.
        deserializer: Makes the value of what was put and the list of what was appended; None for what was put.

    Raises:
        ValueError: There is no such object.
        flamepy.EngineUnavailable: The cache does not answer.
    """
    place = (ref.endpoint, ref.key)
    with _known_lock:
        known = _known.get(place) if ref.version else None
    try:
        fetched = client_of(ref.endpoint).get(ref.key, have=known.version if known is not None else 0)
    except EngineError as error:
        raise _as_value_error(error, ref) from error
    if fetched is not None:
        known = _merged(known, fetched)
        _remember(place, known)
    assert known is not None
    return known.base if deserializer is None else deserializer(known.base, list(known.patches))


def delete_objects(key_prefix: str) -> None:
    """Delete an object, a session's, or with ``<application>/*`` those of all sessions.

    Raises:
        ValueError: The key is malformed.
        flamepy.EngineError: The cache refuses.
    """
    ObjectKey.from_path(key_prefix)
    start = key_prefix.removesuffix(WILDCARD_SESSION)
    with _known_lock:
        for place in [each for each in _known if each[1].startswith(start)]:
            del _known[place]
    default_client().delete(key_prefix)


def upload_object(key_or_prefix: str, file_path: str) -> ObjectRef:
    """Store a file's bytes.

    Raises:
        FileNotFoundError: There is no such file.
        flamepy.EngineError: The cache refuses.
    """
    path = Path(file_path)
    with path.open("rb") as stream:
        return ObjectRef(*default_client().upload(key_or_prefix, stream, path.stat().st_size))


def download_object(ref: ObjectRef, dest_path: str) -> None:
    """Write an object's bytes into a file, and make the folder for it.

    Raises:
        ValueError: There is no such object.
        flamepy.EngineUnavailable: The cache does not answer.
    """
    path = Path(dest_path)
    try:
        data = client_of(ref.endpoint).read(ref.key)
    except EngineError as error:
        raise _as_value_error(error, ref) from error
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _stored(client: CacheClient, name: str, value: Any) -> ObjectRef:
    native = native_table(value)
    if native is not None:
        return ObjectRef(*client.put_table(name, native.table, native.logical_type))
    return ObjectRef(*client.put(name, *encode(value)))


def _merged(known: _Known | None, fetched: Fetched) -> _Known:
    patches = [decode(patch) for patch in fetched.patches]
    if fetched.table is not None:
        return _Known(fetched.version, from_native_table(fetched.table), [])
    if fetched.data is not None:
        return _Known(fetched.version, decode(fetched.data), patches)
    assert known is not None
    return _Known(fetched.version, known.base, known.patches + patches)


def _remember(place: tuple[str, str], known: _Known) -> None:
    with _known_lock:
        _known[place] = known
        _known.move_to_end(place)
        if len(_known) > _REMEMBERED:
            _known.popitem(last=False)


def _as_value_error(error: EngineError, ref: ObjectRef) -> Exception:
    """Upstream raises ValueError for objects that are not there."""
    if isinstance(error, EngineUnavailable) or getattr(error, "status", None) not in {"NOT_FOUND", "INVALID_ARGUMENT"}:
        return error
    return ValueError(f"Object not found: {ref.key} ({error})")


# cloudpickle takes a class by its name only if the module of that name is loaded.
__import__("flamepy.core.cache")
