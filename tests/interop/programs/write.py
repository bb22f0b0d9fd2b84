"""Put objects for others to read, and print their references, one a line."""

import sys

import numpy as np
import pyarrow as pa

from flamepy.core import get_object, patch_object, put_object
from flamepy.core.cache import ObjectRef

if sys.argv[1:] and sys.argv[1] == "read":
    for text in sys.argv[2:]:
        print(repr(get_object(ObjectRef.decode(bytes.fromhex(text)))))
else:
    ref = put_object("theirs/s", {"a": 1})
    print(ref.encode().hex())
    print(put_object("theirs/s", np.arange(6).reshape(2, 3)).encode().hex())
    print(put_object("theirs/s", pa.table({"x": [1, 2]})).encode().hex())
    patched = put_object("theirs/s", [1])
    patch_object(patched, [2])
    print(patched.encode().hex())
