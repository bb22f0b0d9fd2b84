"""The few messages of ``flame.v1.Instance``, to bytes and back; protobuf's wire format, without its library."""

from __future__ import annotations

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
"""Wire types."""

COMMON_DATA = 3
"""Field of SessionContext."""

INPUT = 4
"""Field of TaskContext."""

SDK_MARK = b"FLMSDK01"
"""First bytes of a task that brings flamepy: then 32 of the archive's SHA-256, eight of its size, the archive, and the
task proper."""

MARK_BYTES = len(SDK_MARK) + 32 + 8


def fields(message: bytes) -> dict[int, bytes | int]:
    """Return a message's fields by number; of a repeated one the last.

    Raises:
        ValueError: It is no message.

    Example:
        >>> fields(text(1, b"x") + number(2, 300))
        {1: b'x', 2: 300}
    """
    found: dict[int, bytes | int] = {}
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        kind, field = key & 7, key >> 3
        if kind == VARINT:
            found[field], at = _varint(message, at)
        elif kind == BYTES:
            size, at = _varint(message, at)
            found[field] = message[at : at + size]
            at += size
        elif kind in (FIXED32, FIXED64):
            at += 4 if kind == FIXED32 else 8
        else:
            raise ValueError(f"a field of the unknown kind {kind}")
    if at != len(message):
        raise ValueError("the message ends too early")
    return found


def blob(message: bytes, field: int) -> bytes | None:
    """Return one field of bytes; None if it is not there."""
    value = fields(message).get(field)
    return value if isinstance(value, bytes) else None


def text(field: int, value: bytes) -> bytes:
    """Return a field of bytes or text."""
    return varint(field << 3 | BYTES) + varint(len(value)) + value


def number(field: int, value: int) -> bytes:
    """Return a field with a number; negative ones take ten bytes, as the protocol has it."""
    return varint(field << 3 | VARINT) + varint(value & (1 << 64) - 1)


def result(code: int = 0, message: str = "") -> bytes:
    """Return a ``Result``."""
    return (number(1, code) if code else b"") + (text(2, message.encode()) if message else b"")


def task_result(output: bytes | None, code: int = 0, message: str = "") -> bytes:
    """Return a ``TaskResult``."""
    parts = [number(1, code)] if code else []
    if output is not None:
        parts.append(text(2, output))
    if message:
        parts.append(text(3, message.encode()))
    return b"".join(parts)


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(message) or shift > 63:
            raise ValueError("the message ends too early")
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return value, at
        shift += 7


def varint(value: int) -> bytes:
    """Return a whole number, seven bits a byte, the lowest first."""
    out = bytearray()
    while value > 127:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
