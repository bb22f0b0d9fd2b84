"""Objects as files: one Arrow file for what was put, one for each patch.

::

    DIR/<application>/<session>/<object>.arrow
    DIR/<application>/<session>/<object>.patches/<version>.arrow
    DIR/.partial/                                   being written; emptied at the start

A file gets its name when it is complete, so that a killed server leaves whole objects only. Patches that are not newer
than what was put are left-overs of a replacement that was cut short, and are skipped.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, unquote

import pyarrow as pa

from flamepy.errors import EngineError
from flamepy.server.objects.values import DATA_COLUMN, Blob, Contents, Table, Value, blob_column
from flamepy.wire.objects import split_key

if TYPE_CHECKING:
    from collections.abc import Iterator

_log = logging.getLogger(__name__)

_SUFFIX, _PATCHES, _PARTIAL = ".arrow", ".patches", ".partial"
_KEY_FIELD, _KIND_FIELD, _VERSION_FIELD = b"flamepy.key", b"flamepy.kind", b"flamepy.version"
_BLOB = pa.schema([pa.field("version", pa.uint64()), pa.field("data", pa.binary())])
# A longer name is replaced by its hash; file systems allow 255 bytes, and suffixes come to it.
_MAX_NAME = 200
# Smaller files are read, larger ones mapped.
_MAP_FROM = 1 << 20


class Found(NamedTuple):
    """A file of an earlier run.

    Attributes:
        key: The object's key.
        nbytes: About the bytes that it takes in memory.
    """

    key: str
    nbytes: int


class DiskStore:
    """A folder of objects.

    Args:
        root: The folder; it is made, and locked until `close`.

    Raises:
        EngineError: Another server uses it.
        OSError: It cannot be made or written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._partial = root / _PARTIAL
        root.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(root / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise EngineError(f"another server keeps its objects in {root}: name another folder") from error
        shutil.rmtree(self._partial, ignore_errors=True)
        self._partial.mkdir()

    def close(self) -> None:
        """Let another server have the folder."""
        os.close(self._lock)

    def scan(self) -> Iterator[Found]:
        """Yield what an earlier run left."""
        for path in self.root.glob(f"*/*/*{_SUFFIX}"):
            key = _key_of(path.relative_to(self.root)) or _stored_key(path)
            if key is None:
                _log.warning("%s is no object of this cache and is left alone", path)
            else:
                yield Found(key, path.stat().st_size)

    def write(self, key: str, value: Value) -> None:
        """Store what was put, and forget patches of what was there before."""
        fields = {_KEY_FIELD: key.encode(), _VERSION_FIELD: b"%d" % value.version}
        if isinstance(value, Table):
            fields[_KIND_FIELD] = b"table"
            schema = value.schema.with_metadata({**(value.schema.metadata or {}), **fields})
            batches = [batch.replace_schema_metadata(schema.metadata) for batch in value.batches]
        else:
            fields[_KIND_FIELD] = b"blob"
            schema = _BLOB.with_metadata(fields)
            batches = [_blob_batch(value, schema)]
        path = self._path(key)
        self._publish(path, schema, batches)
        shutil.rmtree(_patches_of(path), ignore_errors=True)

    def write_patch(self, key: str, patch: Blob) -> None:
        """Store one patch."""
        schema = _BLOB.with_metadata({_KEY_FIELD: key.encode()})
        folder = _patches_of(self._path(key))
        self._publish(folder / f"{patch.version:012}{_SUFFIX}", schema, [_blob_batch(patch, schema)])

    def load(self, key: str) -> Contents | None:
        """Read an object; None if there is none that can be read."""
        path = self._path(key)
        try:
            base = _read(path)
            patches = [_read(each) for each in sorted(_patches_of(path).glob(f"*{_SUFFIX}"))]
        except FileNotFoundError:
            return None
        except pa.ArrowInvalid as error:
            _log.warning("%s cannot be read, the object is lost: %s", path, error)
            return None
        newer = tuple(each for each in patches if isinstance(each, Blob) and each.version > base.version)
        return Contents(base, newer)

    def delete(self, key: str) -> None:
        """Remove an object's files, and the folder that held the last of them."""
        path = self._path(key)
        with suppress(FileNotFoundError):
            path.unlink()
        shutil.rmtree(_patches_of(path), ignore_errors=True)
        with suppress(OSError):  # not empty, most often
            path.parent.rmdir()
            path.parent.parent.rmdir()

    def _path(self, key: str) -> Path:
        app, session, name = (_file_name(part) for part in split_key(key))
        return self.root / app / session / f"{name}{_SUFFIX}"

    def _publish(self, path: Path, schema: Any, batches: list[Any]) -> None:
        partial = self._partial / os.urandom(12).hex()
        try:
            with pa.OSFile(str(partial), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
                for batch in batches:
                    writer.write_batch(batch)
            _rename(partial, path)
        finally:
            with suppress(FileNotFoundError):
                partial.unlink()


def _rename(partial: Path, path: Path) -> None:
    """Give a file its name; the folder may be removed at any moment, with the last object in it."""
    for _ in range(10):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            partial.replace(path)
        except FileNotFoundError:
            continue
        return
    partial.replace(path)


def _patches_of(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(_SUFFIX) + _PATCHES)


def _blob_batch(blob: Blob, schema: Any) -> Any:
    return pa.RecordBatch.from_arrays([pa.array([blob.version], pa.uint64()), blob_column(blob.data)], schema=schema)


def _file_name(part: str) -> str:
    """A name that no file system misreads, different for every part of a key."""
    name = quote(part, safe="")
    if name[0] in ".~":
        name = f"%{ord(name[0]):02X}{name[1:]}"
    return name if len(name) <= _MAX_NAME else f"~{sha256(part.encode()).hexdigest()}"


def _key_of(path: Path) -> str | None:
    """The key that a file's name stands for, unless a part of it is a hash."""
    names = [*path.parts[:-1], path.name.removesuffix(_SUFFIX)]
    key = "/".join(unquote(name) for name in names)
    return key if _is_key(key) and [_file_name(part) for part in key.split("/")] == names else None


def _stored_key(path: Path) -> str | None:
    try:
        with _opened(path) as reader:
            key = (reader.schema.metadata or {}).get(_KEY_FIELD, b"").decode()
    except (OSError, pa.ArrowInvalid, UnicodeDecodeError):
        return None
    return key if _is_key(key) else None


def _is_key(text: str) -> bool:
    try:
        split_key(text)
    except ValueError:
        return False
    return True


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    if path.stat().st_size < _MAP_FROM:
        yield pa.ipc.open_file(pa.py_buffer(path.read_bytes()))
    else:
        with pa.memory_map(str(path)) as source:  # what was read stays mapped after the file is closed
            yield pa.ipc.open_file(source)


def _read(path: Path) -> Value:
    with _opened(path) as reader:
        fields = dict(reader.schema.metadata or {})
        batches = [reader.get_batch(index) for index in range(reader.num_record_batches)]
        if fields.get(_KIND_FIELD) == b"table":
            version = int(fields[_VERSION_FIELD])
            own = {name: text for name, text in fields.items() if not name.startswith(b"flamepy.")}
            return Table(version, reader.schema.with_metadata(own), tuple(batches))
        row = batches[0]
        return Blob(row.column(0)[0].as_py(), row.column(DATA_COLUMN)[0].as_buffer())
