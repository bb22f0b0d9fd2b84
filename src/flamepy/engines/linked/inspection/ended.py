"""The last words of an engine: one small file, written when it ends, folded into the history by whoever reads it.

Programs that use flamepy pay for one small file at their end, not for SQLite; only when nobody has read the history
for a long time does one of them fold the files itself, so that the folder stays bounded.
"""

from __future__ import annotations

import os

from flamepy.engines.linked.inspection.places import ended_root
from flamepy.engines.linked.inspection.private_files import write_atomically
from flamepy.errors import EngineError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flamepy.engines.linked.inspection.places import EnginePlace
    from flamepy.model.snapshot import Snapshot

FILE_LIMIT = 200
"""Files that may wait to be folded."""

_PRUNE_EVERY = 20


def record_end(snapshot: Snapshot) -> bool:
    """Keep what an engine held when it ended; called by the engine as its last act.

    Costs one small file. Never raises for a disk that is full or read-only: history is no reason to fail.

    Args:
        snapshot: Sessions that are still open in it are kept as closed.

    Returns:
        Whether it was kept; an engine that had no session is not.
    """
    from flamepy.engines.linked.inspection.records import encode

    return bool(snapshot.sessions) and _record(snapshot.engine, encode(snapshot))


def bury(place: EnginePlace) -> None:
    """Keep what a killed engine had said of itself last, then remove its folder.

    Args:
        place: One of `flamepy.engines.linked.inspection.places.dead_engines`, freed of everything else.
    """
    last_words = place.read_info().get("snapshot")
    if isinstance(last_words, dict) and last_words.get("sessions"):
        for session in last_words["sessions"]:
            if isinstance(session, dict) and session.get("state") != "Closed":
                session["reason"] = "its program was killed"
        _record(place.id, last_words)
    place.remove()


def _record(engine: str, last_words: dict[str, Any]) -> bool:
    from flamepy.engines.linked.inspection.records import to_json

    try:
        folder = ended_root()
        write_atomically(f"{folder}/{engine}.json", to_json(last_words).encode())
        waiting = len(os.listdir(folder))
        if waiting % _PRUNE_EVERY == 0:
            from flamepy.engines.linked.inspection.session_log import prune_logs

            prune_logs()
        if waiting > FILE_LIMIT:
            from flamepy.engines.linked.inspection.history import fold_ended

            fold_ended()
    except (OSError, EngineError):
        return False
    return True
