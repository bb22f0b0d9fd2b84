"""What an object is: a blob with patches, or an Arrow table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from flamepy.wire.rows import FORMAT_FIELD, TABLE_FORMAT, VERSION_FIELD

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_BLOB = (1 << 31) - 1
"""Bytes of one blob; Flame's ``binary`` column has 32-bit offsets."""

DATA_COLUMN = 1


class Blob(NamedTuple):
    """Bytes that the cache does not look into.

    Attributes:
        version: The object's version that they came with.
        data: The bytes, an Arrow buffer.
    """

    version: int
    data: Any

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        return int(self.data.size)


class Table(NamedTuple):
    """An Arrow table that the cache keeps and hands out as one.

    Attributes:
        version: The object's version that it came with.
        schema: Its schema, with all the metadata of its sender.
        batches: Its rows.
    """

    version: int
    schema: Any
    batches: tuple[Any, ...]

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        return sum(batch.get_total_buffer_size() for batch in self.batches)

    @property
    def versioned_schema(self) -> Any:
        """The schema that says the version."""
        return self.schema.with_metadata({**(self.schema.metadata or {}), VERSION_FIELD: b"%d" % self.version})


Value = Blob | Table


class Contents(NamedTuple):
    """One state of an object; what has been read stays as it is.

    Attributes:
        base: What was put.
        patches: What was appended since, by version.
    """

    base: Value
    patches: tuple[Blob, ...] = ()

    @property
    def version(self) -> int:
        """The object's current version."""
        return self.patches[-1].version if self.patches else self.base.version

    @property
    def nbytes(self) -> int:
        """Bytes of memory."""
        return self.base.nbytes + sum(patch.nbytes for patch in self.patches)


def received(schema: Any, batches: Iterable[Any]) -> Value:
    """Make a value of what a client sent; its version is 0 until it is stored.

    Args:
        schema: What the client said that it would send.
        batches: What it sent.

    Raises:
        ValueError: It is neither a blob nor a table, or it contradicts itself.
    """
    if (schema.metadata or {}).get(FORMAT_FIELD) == TABLE_FORMAT:
        return Table(0, schema, tuple(_checked(batch) for batch in batches))
    return Blob(0, received_blob(schema, batches))


def received_blob(schema: Any, batches: Iterable[Any]) -> Any:
    """Join the rows of a blob that a client sent.

    Raises:
        ValueError: The schema has no column of bytes, there are no rows, or they are too long.
    """
    kind = schema.types[DATA_COLUMN] if len(schema.types) > DATA_COLUMN else None
    if kind not in (pa.binary(), pa.large_binary()):
        raise ValueError("the columns of an object are version (uint64) and data (binary)")
    rows: list[Any] = []
    size = 0
    for batch in batches:
        for cell in _checked(batch).column(DATA_COLUMN):
            rows.append(cell.as_buffer() or pa.py_buffer(b""))
            size += rows[-1].size
            if size > MAX_BLOB:
                raise ValueError(f"an object has at most {MAX_BLOB} bytes")
    if not rows:
        raise ValueError("No data received")
    return rows[0] if len(rows) == 1 else _joined(rows, size)


def _joined(rows: list[Any], size: int) -> Any:
    target = pa.allocate_buffer(size)
    view = memoryview(target)
    at = 0
    for row in rows:
        view[at : at + row.size] = memoryview(row)
        at += row.size
    return target


def _checked(batch: Any) -> Any:
    """Refuse a batch whose offsets point elsewhere: Arrow follows them without a look."""
    batch.validate(full=True)
    return batch


def blob_column(data: Any) -> Any:
    """A column of one row that shares the blob's memory."""
    offsets = pa.py_buffer(bytes(4) + int(data.size).to_bytes(4, "little"))
    return pa.Array.from_buffers(pa.binary(), 1, [None, offsets, data])
