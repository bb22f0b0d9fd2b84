"""The measurements, in groups; each group runs in a process of its own for each peer and round."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.measures.notes import Notes
    from bench.peers.port import Peer

HOMES = {
    "calls": "calls:calls",
    "busy": "calls:busy",
    "async": "calls:gathered",
    "arguments": "data:arguments",
    "results": "data:results",
    "reference": "data:reference",
    "executors": "growth:executors",
    "outstanding": "growth:outstanding",
    "held": "growth:held",
    "fairness": "growth:fairness",
    "conditions": "conditions:conditions",
    "exprs": "conditions:exprs",
    "limits": "limits:limits",
}
"""Every group that runs inside a process; ``start``, ``import`` and ``idle`` are measured from outside."""


def load(group: str) -> Callable[[Peer, Notes], None]:
    """Import a group's module and return its function."""
    module, _, name = HOMES[group].partition(":")
    found: Callable[[Peer, Notes], None] = getattr(import_module(f"bench.measures.{module}"), name)
    return found
