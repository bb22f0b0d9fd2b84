"""Objects as rows of Arrow tables, the way they travel to and from the object cache.

Up: ``version`` and ``data``; all rows make up one object. Down: ``version``, ``kind`` (``base`` or ``patch``) and
``data``. A table that says so in its metadata travels as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Progress = Callable[[int, int], None]
    Buffer = bytes | bytearray | memoryview

CHUNK = 1 << 20
"""Bytes of one row of an uploaded file."""
TABLE_FORMAT = b"arrow-table-v1"
FORMAT_FIELD, VERSION_FIELD = b"flame.cache.format", b"flame.cache.version"


class Fetched(NamedTuple):
    """An object as it came from the cache.

    Attributes:
        version: Its version.
        data: Its bytes; None for a table, or if only patches were sent.
        patches: What was appended to it, oldest first; of a reader who named a version, what it lacks.
        table: The Arrow table that it is; None for bytes.
    """

    version: int
    data: memoryview | None
    patches: tuple[memoryview, ...] = ()
    table: Any = None


def marked_table(table: Any, logical_type: str) -> Any:
    """Return a table whose metadata says that the cache is to keep it as one."""
    fields = {
        **(table.schema.metadata or {}),
        FORMAT_FIELD: TABLE_FORMAT,
        VERSION_FIELD: b"0",
        b"flame.cache.logical_type": logical_type.encode(),
    }
    return table.replace_schema_metadata(fields)


def blob_schema() -> Any:
    """The columns of an object that is bytes."""
    import pyarrow as pa

    return pa.schema([pa.field("version", pa.uint64()), pa.field("data", pa.binary())])


def of_buffers(buffers: Iterable[Buffer]) -> Iterator[Any]:
    """Yield one batch of one row for each buffer, around its memory."""
    import pyarrow as pa

    version, schema = pa.array([0], pa.uint64()), blob_schema()
    for buffer in buffers:
        data = pa.py_buffer(buffer)
        offsets = pa.py_buffer(bytes(4) + data.size.to_bytes(4, "little"))
        column = pa.Array.from_buffers(pa.binary(), 1, [None, offsets, data])
        yield pa.RecordBatch.from_arrays([version, column], schema=schema)


def chunks(stream: BinaryIO, size: int, progress: Progress | None) -> Iterator[bytes]:
    """Yield a file's bytes, a megabyte at a time; an empty file is one chunk of none."""
    done = 0
    while chunk := stream.read(CHUNK):
        yield chunk
        done += len(chunk)
        if progress is not None:
            progress(done, size)
    if not done:
        yield b""


def fetched(schema: Any, batches: list[Any], have: int) -> Fetched | None:
    """Read the answer to a reader who has version ``have``; None if that is the current one.

    Raises:
        KeyError: The answer is empty although the reader has nothing.
    """
    import pyarrow as pa

    fields = schema.metadata or {}
    if fields.get(FORMAT_FIELD) == TABLE_FORMAT:
        return Fetched(int(fields.get(VERSION_FIELD, b"0")), None, table=pa.Table.from_batches(batches, schema))
    bases: list[memoryview] = []
    patches: list[memoryview] = []
    version = 0
    for batch in batches:
        kinds = batch.column("kind").to_pylist() if "kind" in schema.names else [_implied_kind(bases)] * batch.num_rows
        for kind, number, cell in zip(kinds, batch.column("version"), batch.column("data"), strict=True):
            (bases if kind == "base" else patches).append(memoryview(cell.as_buffer()).cast("B"))
            version = max(version, number.as_py() or 0)
    if not bases and not patches:
        if have:
            return None
        raise pa.lib.ArrowKeyError("the answer has no rows")
    data = bases[0] if len(bases) == 1 else memoryview(b"".join(bases)) if bases else None
    return Fetched(version, data, tuple(patches))


def _implied_kind(bases: list[memoryview]) -> str:
    """Without the column, the first batch is what was put."""
    return "patch" if bases else "base"
