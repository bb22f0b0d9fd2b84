"""The results file, and ratios of what is in it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from bench.environment import BENCH

if TYPE_CHECKING:
    from bench.rounds import Group

LATEST = BENCH / "results" / "latest.json"
QUICK = BENCH / "results" / "quick.json"


class Results:
    """Figures by group; groups of an earlier run stay until they are measured again.

    Ratios are only taken within a group, whose peers were measured in turn.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.data: dict[str, Any] = {"machine": {}, "groups": {}}
        if path.exists():
            self.data = json.loads(path.read_text())

    def add(self, name: str, group: Group) -> None:
        """Put a group in the place of its earlier self, and save."""
        self.data["groups"][name] = asdict(group)
        self.save()

    def save(self) -> None:
        """Write the file."""
        self.path.parent.mkdir(exist_ok=True)
        self.path.write_text(json.dumps(_rounded(self.data), indent=1, sort_keys=True) + "\n")

    def samples(self, group: str, question: str, peer: str) -> list[float]:
        """The values of all rounds; empty if there are none."""
        found: list[float] = self.data["groups"].get(group, {}).get("figures", {}).get(question, {}).get(peer, [])
        return found

    def value(self, group: str, question: str, peer: str) -> float | None:
        """The median of all rounds."""
        samples = self.samples(group, question, peer)
        return median(samples) if samples else None

    def reason(self, group: str, question: str, peer: str) -> str | None:
        """Why there is no value."""
        reasons = self.data["groups"].get(group, {}).get("reasons", {})
        found: str | None = reasons.get(question, {}).get(peer) or reasons.get("*", {}).get(peer)
        return found

    def ratio(self, group: str, question: str, peer: str, other: str) -> float | None:
        """The ratio ``peer / other`` of the medians."""
        return divided(self.value(group, question, peer), self.value(group, question, other))


def divided(above: float | None, below: float | None) -> float | None:
    """Return the ratio of two values that may be missing."""
    return above / below if above is not None and below else None


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value
