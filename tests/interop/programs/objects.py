"""Use every call of upstream's object cache client; FLAME_CACHE_ENDPOINT says where."""

import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import flight

import flamepy
from flamepy.cache import delete_objects
from flamepy.core import (
    ObjectRef,
    download_object,
    get_object,
    patch_object,
    put_object,
    update_object,
    upload_object,
)


def fresh(ref):
    """The same object, past the client's own cache."""
    return ObjectRef(ref.endpoint, ref.key, 0)


def raised(call):
    """What a call raises; it must."""
    try:
        call()
    except Exception as error:  # noqa: BLE001 - upstream raises what Arrow raises
        return error
    raise AssertionError("a missing object was there")


def values():
    for value in ({"a": [1, 2]}, b"bytes", "text", 7, None, b""):
        ref = put_object("interop/values", value)
        assert ref.version == 1, ref
        assert ref.endpoint == os.environ["FLAME_CACHE_ENDPOINT"], ref
        assert get_object(ref) == value
        assert get_object(fresh(ref)) == value
        assert get_object(ref) == value  # "not modified"
        assert get_object(ObjectRef.decode(ref.encode())) == value


def updates():
    ref = put_object("interop/updates", 1)
    newer = update_object(ref, 2)
    assert (newer.key, newer.version) == (ref.key, 2)
    assert get_object(ref) == get_object(newer) == 2


def patches():
    ref = put_object("interop/patches", [0])

    def joined(base, deltas):
        return base + [number for delta in deltas for number in delta]

    for number in range(1, 51):
        assert patch_object(ref, [number]).version == number + 1
        if number % 7 == 0:
            assert get_object(ref, deserializer=joined) == list(range(number + 1))
    assert get_object(fresh(ref), deserializer=joined) == list(range(51))
    assert get_object(ref) == [0]
    update_object(ref, ["new"])
    assert get_object(fresh(ref), deserializer=joined) == ["new"]
    missing = ObjectRef(ref.endpoint, "interop/patches/none", 0)
    for call in (lambda: patch_object(missing, [1]), lambda: get_object(missing)):
        assert "Traceback" not in str(raised(call))


def arrays():
    for array in (np.arange(12.0).reshape(3, 4), np.zeros(0), np.array(5), np.arange(8)[::2]):
        ref = put_object("interop/arrays", array)
        np.testing.assert_array_equal(get_object(fresh(ref)), array)
    for arrow in (pa.array([1, None, 3]), pa.array(["x", "y"])):
        assert get_object(fresh(put_object("interop/arrays", arrow))).equals(arrow)


def tables():
    table = pa.table({"n": [1, 2, None], "t": ["x", None, "z"]}).replace_schema_metadata({"mine": "kept"})
    ref = put_object("interop/tables", table)
    got = get_object(fresh(ref))
    assert got.equals(table)
    assert got.schema.metadata == {b"mine": b"kept"}, got.schema.metadata
    assert get_object(ref).equals(table)
    batch = table.to_batches()[0]
    assert get_object(fresh(put_object("interop/tables", batch))).equals(batch)
    frame = pd.DataFrame({"a": [1.5, 2.5], "b": ["x", "y"]}, index=pd.Index(["r", "s"], name="row"))
    ref = put_object("interop/tables", frame)
    pd.testing.assert_frame_equal(get_object(fresh(ref)), frame)
    update_object(ref, frame * 2)
    pd.testing.assert_frame_equal(get_object(ref), frame * 2)


def large():
    data = os.urandom(1 << 20) * 80
    ref = put_object("interop/large", data)
    assert get_object(fresh(ref)) == data
    array = np.random.default_rng(1).random(10_000_000)
    np.testing.assert_array_equal(get_object(fresh(put_object("interop/large", array))), array)


def files():
    path, copy = Path("file.bin"), Path("copy.bin")
    path.write_bytes(os.urandom(3 * (1 << 20) + 5))
    ref = upload_object("interop/pkg/file.bin", str(path))
    assert (ref.key, ref.version) == ("interop/pkg/file.bin", 1)
    # 0.6.0 takes Flight's chunks for batches, so that its download works with no server; what it asks for is below.
    if flamepy.__version__ == "0.6.0":
        assert "FlightStreamChunk" in str(raised(lambda: download_object(ref, str(copy))))
    else:
        download_object(ref, str(copy))
        assert copy.read_bytes() == path.read_bytes()
    rows = flight.connect(ref.endpoint).do_get(flight.Ticket(f"{ref.key}:0".encode())).read_all()
    assert rows.column("kind").to_pylist() == ["base"]
    assert rows.column("data")[0].as_py() == path.read_bytes()


def deletes():
    ref = put_object("interop/gone", 1)
    delete_objects("interop/gone")
    delete_objects("interop/never")
    delete_objects("interop/*")
    for each in (ref, ObjectRef(ref.endpoint, "interop/pkg/file.bin", 0)):
        raised(lambda each=each: get_object(each))


for test in [globals()[name] for name in sys.argv[1:]] or [
    values,
    updates,
    patches,
    arrays,
    tables,
    large,
    files,
    deletes,
]:
    test()
    print(test.__name__)
