"""What an executor is told first: its object and how to run it; `Carrier.binding` adds where."""

from __future__ import annotations

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
        "state": session.saved,
        "methods": list(spec.methods),
        "elastic": not spec.stateful,
        "checkpoint": spec.checkpoint,
        "concurrency": spec.concurrency,
    }
