"""The last words of an engine: one small file, written when it ends, folded into the history by whoever reads it.

Programs that use flamepy pay for one small file at their end, not for SQLite; only when nobody has read the history
for a long time does one of them fold the files itself, so that the folder stays bounded.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from flamepy.engines.local.places import logs_root, state_root
from flamepy.engines.local.private_files import is_locked, private_folder, unlink, write_atomically
from flamepy.errors import EngineError

if TYPE_CHECKING:
    from flamepy.engines.local.places import EnginePlace
    from flamepy.model.snapshot import Snapshot

FILE_LIMIT = 200
"""Files that may wait to be folded."""

LOG_BYTES_LIMIT = 256 * 1024 * 1024
"""What the logs of all sessions together may have; the oldest go first."""

LOG_FILES_LIMIT = 10_000

_PRUNE_EVERY = 20


def record_end(snapshot: Snapshot) -> bool:
    """Keep what an engine held when it ended; called by the engine as its last act.

    Costs one small file. Never raises for a disk that is full or read-only: history is no reason to fail.

    Args:
        snapshot: Sessions that are still open in it are kept as closed.

    Returns:
        Whether it was kept; an engine that had no session is not.
    """
    from flamepy.engines.local.records import encode

    return bool(snapshot.sessions) and _record(snapshot.engine, encode(snapshot))


def bury(place: EnginePlace) -> None:
    """Keep what a killed engine had said of itself last, then remove its folder.

    Args:
        place: One of `flamepy.engines.local.places.dead_engines`, freed of everything else.
    """
    last_words = place.read_info().get("snapshot")
    if isinstance(last_words, dict) and last_words.get("sessions"):
        for session in last_words["sessions"]:
            if isinstance(session, dict) and session.get("state") != "Closed":
                session["reason"] = "its program was killed"
        _record(place.id, last_words)
    place.remove()


def ended_folder() -> str:
    """Return the folder of the files that wait to be folded, made if need be.

    Raises:
        EngineError: It cannot be made.
    """
    return private_folder(f"{state_root()}/ended")


def prune_logs(bytes_limit: int = LOG_BYTES_LIMIT, files_limit: int = LOG_FILES_LIMIT) -> None:
    """Remove the oldest logs that nobody is writing, until the rest is within the limits.

    Args:
        bytes_limit: What all logs together may have.
        files_limit: How many files may be there.
    """
    files = []
    for entry in os.scandir(logs_root()):
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError:
            continue
        files.append((status.st_mtime, status.st_size, entry.path))
    total, count = sum(size for _, size, _ in files), len(files)
    for _, size, path in sorted(files):
        if total <= bytes_limit and count <= files_limit:
            return
        if not is_locked(path):
            unlink(path)
            total, count = total - size, count - 1


def _record(engine: str, last_words: dict[str, Any]) -> bool:
    import json

    try:
        folder = ended_folder()
        write_atomically(f"{folder}/{engine}.json", json.dumps(last_words).encode())
        waiting = len(os.listdir(folder))
        if waiting % _PRUNE_EVERY == 0:
            prune_logs()
        if waiting > FILE_LIMIT:
            from flamepy.engines.local.history import fold_ended

            fold_ended()
    except (OSError, EngineError):
        return False
    return True
