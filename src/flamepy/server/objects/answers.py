"""Which rows a reader gets who may have an older version already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from flamepy.server.objects.values import Blob, Contents, Table, blob_column

if TYPE_CHECKING:
    from collections.abc import Sequence

BASE, PATCH = "base", "patch"
RESPONSE = pa.schema(
    [
        pa.field("version", pa.uint64(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("data", pa.binary(), nullable=False),
    ]
)


class Answer(NamedTuple):
    """What is sent.

    Attributes:
        schema: The schema of the rows.
        batches: The rows, one batch each; none if the reader has them.
        nbytes: Bytes of the values in them.
        not_modified: The reader is up to date.
    """

    schema: Any
    batches: tuple[Any, ...]
    nbytes: int = 0
    not_modified: bool = False


def answer(contents: Contents, have: int) -> Answer:
    """Choose what to send.

    Args:
        contents: The object.
        have: The version that the reader has; 0 for none.
    """
    base = contents.base
    if have and have == contents.version:
        # Of a table, too: its own schema with no rows would be an empty table.
        return Answer(RESPONSE, (), not_modified=True)
    if isinstance(base, Table):
        schema = base.versioned_schema
        return Answer(
            schema, tuple(batch.replace_schema_metadata(schema.metadata) for batch in base.batches), base.nbytes
        )
    missed = [patch for patch in contents.patches if patch.version > have]
    if have >= base.version and _complete(missed, have, contents.version):
        return _rows(missed, PATCH)
    whole, patches = _rows([base], BASE), _rows(contents.patches, PATCH)
    return Answer(RESPONSE, whole.batches + patches.batches, whole.nbytes + patches.nbytes)


def _complete(missed: Sequence[Blob], have: int, version: int) -> bool:
    return [patch.version for patch in missed] == list(range(have + 1, version + 1)) and bool(missed)


def _rows(blobs: Sequence[Blob], kind: str) -> Answer:
    batches = tuple(
        pa.RecordBatch.from_arrays(
            [pa.array([blob.version], pa.uint64()), pa.array([kind], pa.string()), blob_column(blob.data)],
            schema=RESPONSE,
        )
        for blob in blobs
    )
    return Answer(RESPONSE, batches, sum(blob.nbytes for blob in blobs))
