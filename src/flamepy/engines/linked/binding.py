"""What an executor is told first: its object and how to run it; `Carrier.binding` adds where."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flamepy.engines.linked.session import LinkedSession


def binding_of(session: LinkedSession) -> dict[str, Any]:
    """The part of the body of `Ask.BIND` that is the same on every machine."""
    spec = session.spec
    return {
        "argv": list(sys.argv),
        "kind": spec.target_kind,
        "target": spec.target,
        "state": session.checkpoint.state,
        "methods": list(spec.methods),
        "elastic": not spec.stateful,
        "checkpoint": spec.checkpoint,
        "concurrency": spec.concurrency,
        "timed": session.engine.latency > 0,
    }


_PLAIN_FINDERS = frozenset({"BuiltinImporter", "FrozenImporter", "PathFinder", "DistutilsMetaFinder"})


def path_outside(project: str) -> list[str]:
    """The entries of ``sys.path`` that do not lie in the project, or are its environment's."""
    entries = []
    for entry in sys.path:
        where = os.path.abspath(entry) if entry else os.getcwd()
        inside = where == project or where.startswith(project + os.sep)
        if not inside or where.startswith((sys.prefix + os.sep, sys.base_prefix + os.sep)):
            entries.append(where)
    return entries


def hooks_into_imports() -> bool:
    """Whether an editable install hooks into the import system, so that :mod:`site` has to run in executors."""
    names = {getattr(finder, "__name__", type(finder).__name__) for finder in sys.meta_path}
    return any(name not in _PLAIN_FINDERS and "ditable" in name for name in names)
