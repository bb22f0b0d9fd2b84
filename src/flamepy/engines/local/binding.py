"""What an executor is told first: its package and object, its folders, its limits."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flamepy.engines.local.engine import LocalEngine
    from flamepy.engines.local.session import LocalSession


def binding_of(engine: LocalEngine, session: LocalSession, number: int, progress: str) -> dict[str, Any]:
    """The body of `Ask.BIND`.

    Args:
        engine: Whose.
        session: The service that the executor works for.
        number: The executor's.
        progress: The file with the cells of `Slots`.
    """
    spec, objects, workplace = session.spec, engine.objects, engine.workplace(session.spec.package)
    return {
        "path": workplace.path,
        "cwd": workplace.cwd,
        "argv": list(sys.argv),
        "prefix": (sys.prefix, sys.exec_prefix),
        "site": workplace.needs_site,
        "main": os.path.join(workplace.folder, spec.main_path) if spec.main_path else None,
        "kind": spec.target_kind,
        "target": spec.target,
        "state": session.saved,
        "methods": list(spec.methods),
        "elastic": not spec.stateful,
        "checkpoint": spec.checkpoint,
        "concurrency": spec.concurrency,
        "progress": progress,
        "folder": objects.folder,
        "spill": objects.spill,
        "creator": f"e{number}",
        "ledger": objects.ledger_path,
        "limit": objects.limit,
        "pool": objects.pool_limit // 2,
    }
