"""Values as people read them in one cell of a table, and as programs read them in JSON."""

from __future__ import annotations

import time
from typing import Any

_TIMES = frozenset({"created", "started", "ended"})
_MAPPINGS = frozenset({"environments", "schema"})
_UNITS = (("Gi", 1 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10))


def clock(seconds: float | None) -> str:
    """Return a moment of today as local time, an earlier one as its date, None as ``-``.

    Args:
        seconds: Since the epoch.
    """
    if seconds is None:
        return "-"
    moment, today = time.localtime(seconds), time.localtime()
    return time.strftime("%H:%M:%S" if moment[:3] == today[:3] else "%Y-%m-%d", moment)


def clock_in_full(seconds: float) -> str:
    """Return a moment as local time of day, with milliseconds.

    Args:
        seconds: Since the epoch.
    """
    milliseconds = round(seconds * 1000)
    return f"{time.strftime('%H:%M:%S', time.localtime(milliseconds // 1000))}.{milliseconds % 1000:03d}"


def timestamp(seconds: float) -> str:
    """Return a moment in UTC as ISO 8601, for programs.

    Example:
        >>> timestamp(0.5)
        '1970-01-01T00:00:00.500Z'
    """
    milliseconds = round(seconds * 1000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(milliseconds // 1000))}.{milliseconds % 1000:03d}Z"


def memory(size: int) -> str:
    """Return bytes in the largest unit that has at least one, rounded down.

    Example:
        >>> memory(16 << 30), memory(100)
        ('16Gi', '100B')
    """
    for unit, factor in _UNITS:
        if size >= factor:
            return f"{size // factor}{unit}"
    return f"{size}B"


def number(value: float) -> str:
    """Return a number without needless zeros.

    Example:
        >>> number(2.0), number(0.5)
        ('2', '0.5')
    """
    return f"{value:g}"


def duration(seconds: float) -> str:
    """Return a duration in the largest unit that divides it.

    Example:
        >>> duration(60), duration(90)
        ('1m', '90s')
    """
    for unit, factor in (("h", 3600), ("m", 60)):
        if seconds and seconds % factor == 0:
            return f"{seconds / factor:g}{unit}"
    return f"{seconds:g}s"


def first_line(text: str) -> str:
    r"""Return the first line that says something.

    Example:
        >>> first_line("\nboom\nmore")
        'boom'
    """
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def printable(text: str) -> str:
    """Return text without anything that moves the cursor, changes colours or breaks the line."""
    return (
        text
        if text.isprintable()
        else "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
    )


def plain(record: Any) -> dict[str, Any]:
    """Return a record as JSON values, in the order of its fields; times are ISO 8601."""
    return {name: _plain(name, getattr(record, name)) for name in record._fields}


def _plain(name: str, value: Any) -> Any:
    if name in _TIMES and value is not None:
        return timestamp(value)
    if name in _MAPPINGS:
        return dict(value)
    return list(value) if isinstance(value, tuple) else value
