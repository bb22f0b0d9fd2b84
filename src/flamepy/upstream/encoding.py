"""Values to what upstream keeps in its cache, and back.

A blob begins with four bytes that say what follows: a pickle, a tensor, or an Arrow stream. Tables and data frames are
no blobs: they travel as Arrow tables whose metadata says what they were.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from flamepy.serialization import plain
from flamepy.wire.rows import FORMAT_FIELD, VERSION_FIELD

if TYPE_CHECKING:
    from collections.abc import Sequence

PICKLE, TENSOR, TABLE, ARRAY, BATCH = (b"FLM%c" % kind for kind in range(5))
LOGICAL_FIELD = b"flame.cache.logical_type"
_OWN_FIELDS = frozenset({FORMAT_FIELD, VERSION_FIELD, LOGICAL_FIELD})


class NativeTable(NamedTuple):
    """A value that travels as an Arrow table.

    Attributes:
        table: The table.
        logical_type: What it was.
    """

    table: Any
    logical_type: str


def native_table(value: object) -> NativeTable | None:
    """Return a value as a table; None if it is no table, data frame or the like."""
    kind = f"{type(value).__module__.partition('.')[0]}.{type(value).__name__}"
    if not (kind in _TABULAR or hasattr(value, "to_arrow")):
        return None
    import pyarrow as pa

    if kind == "pandas.DataFrame":
        return NativeTable(pa.Table.from_pandas(value), "pandas.dataframe")
    found: Any = value
    logical_type = _TABULAR.get(kind, "dataset")
    if kind == "polars.LazyFrame":
        found = found.collect()
    if not isinstance(found, (pa.Table, pa.RecordBatch)):
        found = _arrow_of(found)
    if isinstance(found, pa.RecordBatch):
        return NativeTable(pa.Table.from_batches([found]), logical_type)
    return NativeTable(found, logical_type) if isinstance(found, pa.Table) else None


def _arrow_of(value: Any) -> Any:
    try:
        return value.to_arrow()
    except TypeError:  # it wants arguments: another method of that name
        return None


_TABULAR = {
    "pyarrow.Table": "pyarrow.table",
    "pyarrow.RecordBatch": "pyarrow.record_batch",
    "pandas.DataFrame": "pandas.dataframe",
    "polars.DataFrame": "polars.dataframe",
    "polars.LazyFrame": "polars.dataframe",
}


def from_native_table(table: Any) -> Any:
    """Return what an Arrow table was made from."""
    fields = dict(table.schema.metadata or {})
    logical_type = fields.get(LOGICAL_FIELD, b"").decode()
    own = {name: text for name, text in fields.items() if name not in _OWN_FIELDS}
    table = table.replace_schema_metadata(own or None)
    if logical_type == "pandas.dataframe":
        return table.to_pandas()
    if logical_type == "polars.dataframe":
        import polars

        return polars.from_arrow(table)
    if logical_type == "pyarrow.record_batch":
        batches = table.combine_chunks().to_batches()
        return batches[0] if len(batches) == 1 else table
    return table


def encode(value: object) -> Sequence[bytes | memoryview]:
    """Return a value's blob in pieces."""
    kind = f"{type(value).__module__.partition('.')[0]}.{type(value).__name__}"
    if kind == "numpy.ndarray" and _is_tensor(value):
        return TENSOR, _tensor(value)
    if kind.startswith("pyarrow."):
        import pyarrow as pa

        if isinstance(value, pa.Table):
            return TABLE, _stream(value.schema, value.to_batches())
        if isinstance(value, pa.RecordBatch):
            return BATCH, _stream(value.schema, [value])
        if isinstance(value, pa.Array):
            batch = pa.RecordBatch.from_arrays([value], names=["data"])
            return ARRAY, _stream(batch.schema, [batch])
    return PICKLE, plain.dumps(value)


def _is_tensor(array: Any) -> bool:
    return bool(array.flags.c_contiguous and array.dtype.kind in "iuf" and array.ndim)


def _tensor(array: Any) -> memoryview:
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    pa.ipc.write_tensor(pa.Tensor.from_numpy(array), sink)
    return memoryview(sink.getvalue()).cast("B")


def _stream(schema: Any, batches: list[Any]) -> memoryview:
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return memoryview(sink.getvalue()).cast("B")


def decode(blob: memoryview) -> Any:
    """Return the value of a blob; one that says nothing about itself is a pickle."""
    tag, body = bytes(blob[:4]), blob[4:]
    if tag == PICKLE:
        return plain.loads(body)
    if tag not in (TENSOR, TABLE, ARRAY, BATCH):
        return plain.loads(blob)
    import pyarrow as pa

    source = pa.BufferReader(pa.py_buffer(body))
    if tag == TENSOR:
        return pa.ipc.read_tensor(source).to_numpy()
    reader = pa.ipc.open_stream(source)
    if tag == TABLE:
        return reader.read_all()
    batch = reader.read_next_batch()
    return batch.column(0) if tag == ARRAY else batch
