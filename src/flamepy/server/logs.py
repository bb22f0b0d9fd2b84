"""What services print, one file per session.

A line is ``<executor, 8 characters> <o or e> <text>``, so that one task's lines can be told from those of its
neighbours.
"""

from __future__ import annotations

import hashlib
import shutil
from typing import TYPE_CHECKING
from urllib.parse import quote

from flamepy.model.snapshot import LogPart

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES = 16 * 1024 * 1024
"""What one session may print; the rest is dropped, and the log says so."""
PART_BYTES = 256 * 1024
"""How much of a log is handed out at once."""
_PREFIX = 11
_LONG_NAME = 120


class Logs:
    """All logs.

    Args:
        folder: Where they are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._sizes: dict[str, int] = {}

    def path(self, session: str) -> Path:
        """Return where a session's log is, or would be."""
        name = quote(session, safe="").replace(".", "%2E")
        if len(name) > _LONG_NAME:
            name = f"{name[:_LONG_NAME]}~{hashlib.sha256(session.encode()).hexdigest()}"
        return self._folder / f"{name}.log"

    def size(self, session: str) -> int:
        """Return how long a session's log is, in bytes."""
        known = self._sizes.get(session)
        if known is None:
            path = self.path(session)
            known = self._sizes[session] = path.stat().st_size if path.exists() else 0
        return known

    def line(self, session: str, executor: str, text: str, stream: int = 2) -> None:
        """Add one line."""
        size = self.size(session)
        if size > MAX_BYTES:
            return
        data = f"{executor[:8]} {'oe'[stream - 1]} {text}\n".encode(errors="replace")
        if size + len(data) > MAX_BYTES:
            data = f"{executor[:8]} e … the log is full: the rest is not kept\n".encode()
            self._sizes[session] = MAX_BYTES + 1
        else:
            self._sizes[session] = size + len(data)
        with self.path(session).open("ab") as file:
            file.write(data)

    def read(self, session: str, start: int = 0, *, end: int | None = None, executor: str = "") -> LogPart:
        """Return some lines.

        Args:
            session: Whose.
            start: The first byte; negative: so many before the end.
            end: The last byte but one; None for the log's end.
            executor: Only those of this executor.
        """
        path = self.path(session)
        if not path.exists():
            return LogPart((), 0)
        with path.open("rb") as file:
            size = file.seek(0, 2)
            start = max(0, size + start) if start < 0 else min(start, size)
            file.seek(start)
            data = file.read(min(PART_BYTES, (size if end is None else min(end, size)) - start))
        whole = data[: data.rfind(b"\n") + 1]
        lines = whole.decode(errors="replace").split("\n")[:-1]
        shown = [line[_PREFIX:] for line in lines if line.startswith(executor[:8])]
        return LogPart(shown, start + len(whole))

    def forget(self, session: str) -> None:
        """Remove a session's log."""
        self._sizes.pop(session, None)
        self.path(session).unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove all of them."""
        shutil.rmtree(self._folder, ignore_errors=True)
