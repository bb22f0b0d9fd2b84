"""get_data: what a task's input or output holds."""

from __future__ import annotations

import pickle
from enum import Enum
from typing import Any

from flamepy.serialization import plain
from flamepy.upstream.execution import as_reference
from flamepy.upstream.objects import ObjectRef, get_object
from flamepy.upstream.requests import RunnerRequest

_DEPTH = 10
_PROTOCOL = b"\x80"


class ErrorType(Enum):
    """What went wrong in `get_data`."""

    DECODE_ERROR = "decode_error"
    CACHE_RETRIEVAL_ERROR = "cache_retrieval_error"
    DATA_FORMAT_ERROR = "data_format_error"


class RunnerError(Exception):
    """What `get_data` raises.

    Args:
        error_type: What went wrong.
        message: With which data.
        cause: The error behind it.
        key: The object's key, if one was looked for.
        data_type: The type of the data, if it was that.
    """

    def __init__(
        self,
        error_type: ErrorType,
        message: str,
        cause: Exception | None = None,
        key: str | None = None,
        data_type: str | None = None,
    ) -> None:
        super().__init__(message)
        self.error_type = error_type
        self.cause = cause
        self.key = key
        self.data_type = data_type

    def __str__(self) -> str:
        return f"[{self.error_type.value}] {super().__str__()}"


def get_data(data: bytes) -> dict[str, Any]:
    """Decode a task's input or output, and fetch the objects that it refers to.

    Args:
        data: The bytes: a pickle, or a reference to an object.

    Returns:
        For a call ``type`` ("input"), ``method``, ``args``, ``kwargs`` and ``metadata``; for anything else ``type``
        ("output"), ``result`` and ``metadata``.

    Raises:
        RunnerError: The data is neither, or an object cannot be fetched.
    """
    metadata: dict[str, Any] = {}
    found, value = _unpickled(data)
    if not found:
        ref = as_reference(data)
        if ref is None:
            raise RunnerError(ErrorType.DECODE_ERROR, f"{len(data)} bytes are neither a pickle nor a reference")
        metadata["object_ref_key"] = ref.key
        value = _fetched(ref)
        inner, unpickled = _unpickled(value) if isinstance(value, bytes) else (False, None)
        value = unpickled if inner else value
    if not isinstance(value, RunnerRequest):
        return {"type": "output", "result": value, "metadata": metadata}
    return {
        "type": "input",
        "method": value.method,
        "args": None if value.args is None else tuple(_resolved(each) for each in value.args),
        "kwargs": None if value.kwargs is None else {name: _resolved(each) for name, each in value.kwargs.items()},
        "metadata": metadata,
    }


def _unpickled(data: bytes) -> tuple[bool, Any]:
    if not data.startswith(_PROTOCOL):
        return False, None
    try:
        return True, plain.loads(data)
    except (pickle.UnpicklingError, EOFError, AttributeError, ImportError, IndexError, ValueError):
        return False, None


def _fetched(ref: ObjectRef) -> Any:
    try:
        return get_object(ref)
    except Exception as error:
        raise RunnerError(
            ErrorType.CACHE_RETRIEVAL_ERROR, f"cannot fetch {ref.key}: {error}", cause=error, key=ref.key
        ) from error


def _resolved(value: Any, depth: int = 0) -> Any:
    if depth > _DEPTH:
        return value
    ref = as_reference(value)
    if ref is not None:
        return _fetched(ref)
    if isinstance(value, list | tuple):
        return type(value)(_resolved(each, depth + 1) for each in value)
    if isinstance(value, dict):
        return {name: _resolved(each, depth + 1) for name, each in value.items()}
    return value
