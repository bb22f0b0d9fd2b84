"""Amounts as people type them: ``cpu=2,mem=4g,gpu=1``."""

from __future__ import annotations

import re

from flamepy.errors import ConfigError
from flamepy.model.specs import Resources

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgtp]?)i?b?", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_NAMES = {"cpu": "cpu", "mem": "memory", "memory": "memory", "gpu": "gpu"}


def parse_size(text: str) -> int:
    """Return bytes; all units are powers of 1024, as in Flame.

    Raises:
        ConfigError: It is no size.

    Example:
        >>> parse_size("2Gi"), parse_size("1.5k")
        (2147483648, 1536)
    """
    parts = _SIZE.fullmatch(text.strip())
    if parts is None:
        raise ConfigError(f"{text!r} is no size; write 512m or 2Gi, for example")
    return int(float(parts[1]) * (1 << 10 * _POWERS[parts[2].lower()]))


def parse_resources(text: str) -> Resources:
    """Return what an executor needs.

    Raises:
        ConfigError: Something in it is unknown or no number.

    Example:
        >>> parse_resources("cpu=2,mem=4g")
        Resources(cpu=2.0, memory=4294967296, gpu=0, custom=mappingproxy({}))
    """
    given: dict[str, float] = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        name, _, amount = (each.strip() for each in part.partition("="))
        known = _NAMES.get(name.lower())
        if known is None:
            raise ConfigError(f"{part!r}: write cpu=, mem= or gpu=, as in cpu=2,mem=4g,gpu=1")
        try:
            given[known] = parse_size(amount) if known == "memory" else _count(amount)
        except ValueError as error:
            raise ConfigError(f"{part!r}: {error}") from None
    return Resources(cpu=given.get("cpu", 0), memory=int(given.get("memory", 0)), gpu=int(given.get("gpu", 0)))


def _count(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ConfigError(f"{text!r} is no number") from None
    if not 0 <= value < 1e9:
        raise ConfigError(f"{text} is not between 0 and a billion")
    return value
