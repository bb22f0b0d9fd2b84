"""BSON as far as Flame's object references need it: one flat document of texts and integers.

The format's own library is a part of pymongo, a database driver, and another package on PyPI has the same import name.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_LENGTH = struct.Struct("<i")
_LONG = struct.Struct("<q")
_TEXT, _INT32, _INT64 = b"\x02", b"\x10", b"\x12"
_SMALL = range(-(1 << 31), 1 << 31)


def encode_document(fields: Mapping[str, str | int], *, wide: bool = False) -> bytes:
    """Encode a flat document.

    Args:
        fields: Names, in their order, and values.
        wide: Every integer takes 64 bits, as Rust writes them; else small ones take 32, as Python does.

    Example:
        >>> encode_document({"version": 1}).hex()
        '120000001076657273696f6e000100000000'
    """
    parts = []
    for name, value in fields.items():
        label = name.encode() + b"\0"
        if isinstance(value, str):
            text = value.encode() + b"\0"
            parts.append(_TEXT + label + _LENGTH.pack(len(text)) + text)
        elif wide or value not in _SMALL:
            parts.append(_INT64 + label + _LONG.pack(value))
        else:
            parts.append(_INT32 + label + _LENGTH.pack(value))
    body = b"".join(parts) + b"\0"
    return _LENGTH.pack(len(body) + _LENGTH.size) + body


def decode_document(data: bytes) -> dict[str, str | int]:
    """Decode a flat document of texts and integers.

    Raises:
        ValueError: It is none.
    """
    try:
        return _decode(data)
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise ValueError(f"{len(data)} bytes are no BSON document: {error}") from error


def _decode(data: bytes) -> dict[str, str | int]:
    (total,) = _LENGTH.unpack_from(data)
    if total != len(data) or data[-1] != 0:
        raise ValueError(f"{len(data)} bytes are no BSON document: its length says {total}")
    fields: dict[str, str | int] = {}
    at = _LENGTH.size
    while at < total - 1:
        end = data.index(b"\0", at + 1)
        name = data[at + 1 : end].decode()
        fields[name], at = _value(data, data[at : at + 1], end + 1)
    return fields


def _value(data: bytes, kind: bytes, at: int) -> tuple[str | int, int]:
    """One value, and where the next field begins."""
    if kind == _INT64:
        return _LONG.unpack_from(data, at)[0], at + _LONG.size
    number = int(_LENGTH.unpack_from(data, at)[0])
    at += _LENGTH.size
    if kind == _INT32:
        return number, at
    if kind != _TEXT or number < 1 or data[at + number - 1] != 0:
        raise ValueError(f"a field of type {kind.hex()} in a BSON document that has room for texts and integers only")
    return data[at : at + number - 1].decode(), at + number
