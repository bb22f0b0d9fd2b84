"""Which processes there are, and what memory they have."""

from __future__ import annotations

import os
from pathlib import Path


def family(root: int | None = None) -> list[int]:
    """Return this process and all its descendants."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = Path(f"/proc/{entry}/stat").read_text()
            except OSError:
                continue
            parent = int(stat.rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(entry))
    found = [os.getpid() if root is None else root]
    for pid in found:
        found += children.get(pid, [])
    return found


def memory(pids: list[int], field: str = "Pss") -> int:
    """Return the bytes that processes have, shared pages counted once (``Pss``) or their own (``Rss``)."""
    total = 0
    for pid in pids:
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        total += next((int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith(f"{field}:")), 0)
    return total
