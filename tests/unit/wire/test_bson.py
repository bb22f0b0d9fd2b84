"""Our BSON against pymongo's."""

from __future__ import annotations

import bson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flamepy.wire.bson import decode_document, encode_document
from flamepy.wire.objects import ObjectRef

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
DOCUMENTS = st.dictionaries(TEXTS, TEXTS | st.integers(-(2**63), 2**63 - 1), max_size=5)


@given(DOCUMENTS)
def test_it_is_what_pymongo_writes(fields):
    assert encode_document(fields) == bson.encode(fields)


@given(DOCUMENTS, st.booleans())
def test_it_reads_what_it_writes(fields, wide):
    assert decode_document(encode_document(fields, wide=wide)) == fields


@given(DOCUMENTS)
def test_pymongo_reads_wide_integers(fields):
    assert bson.decode(encode_document(fields, wide=True)) == fields


@given(st.binary(max_size=60))
def test_other_bytes_are_refused(data):
    try:
        assert bson.decode(data) == decode_document(data)
    except ValueError:
        pass
    except bson.errors.InvalidBSON:
        with pytest.raises(ValueError, match=r"BSON|length"):
            decode_document(data)


@given(DOCUMENTS, st.data())
def test_a_damaged_document_is_refused_or_read(fields, data):
    damaged = bytearray(encode_document(fields))
    damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        decode_document(bytes(damaged))
    except ValueError:
        pass


def test_a_reference_is_a_document_of_three_fields():
    ref = ObjectRef("grpc://127.0.0.1:9090", "app/shared/x", 3)
    assert bson.decode(ref.encode()) == {"endpoint": "grpc://127.0.0.1:9090", "key": "app/shared/x", "version": 3}
    assert ObjectRef.decode(ref.encode()) == ref


def test_a_reference_has_no_other_fields():
    with pytest.raises(ValueError, match="endpoint, key, version"):
        ObjectRef.decode(bson.encode({"endpoint": "x", "key": "y", "version": 1, "more": 2}))
