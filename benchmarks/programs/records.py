"""A dataclass that is passed as an argument; apart from `work`, because importing dataclasses takes a while."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Record:
    """Three small fields."""

    number: int
    name: str
    weight: float
