"""Pickles for others: what upstream's flamepy puts into tasks and objects is cloudpickle's, with all code by value."""

from __future__ import annotations

import pickle
from typing import Any


def dumps(value: object) -> bytes:
    """Pickle a value as upstream does."""
    import cloudpickle

    data: bytes = cloudpickle.dumps(value, protocol=cloudpickle.DEFAULT_PROTOCOL)
    return data


def loads(data: bytes | memoryview) -> Any:
    """Read what `dumps` wrote, here or there."""
    return pickle.loads(data)
