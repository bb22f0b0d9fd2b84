"""A quiet live line on a terminal: packing and uploading, then tasks done, running and failed."""

from __future__ import annotations

import sys
import threading
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

EVERY = 0.2
"""Seconds between two updates."""

PATIENCE = 0.5
"""Seconds that something has to take before the line appears at all."""

WORDS = {"packing": "packing", "uploading": "uploading", "fetching": "fetching", "environment": "building environment"}


class NoLine:
    """Shows nothing."""

    def __enter__(self) -> Any:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        return

    def stage(self, stage: str, done: int, total: int) -> None:
        """Take in how far packing and uploading are, in bytes."""

    def tasks(self, services: list[Any]) -> None:
        """From now on show the tasks of these services."""


class LiveLine(NoLine):
    """One line on standard error, rewritten in place and erased at the end."""

    def __init__(self) -> None:
        self._services: list[Any] | None = None
        self._started = self._shown = monotonic()
        self._stop = threading.Event()
        self._width = 0
        self._thread: threading.Thread | None = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self._write("")

    def stage(self, stage: str, done: int, total: int) -> None:
        """Show a stage, if it takes long enough to be worth it."""
        now = monotonic()
        if now - self._started < PATIENCE or now - self._shown < EVERY:
            return
        self._shown = now
        share = f" {100 * done // total}% of {total / 1e6:,.1f} MB" if total else ""
        self._write(f"flamepy: {WORDS.get(stage, stage)}{share}")

    def tasks(self, services: list[Any]) -> None:
        """Start showing tasks."""
        self._services = services
        self._write("")
        self._thread = threading.Thread(target=self._run, name="flamepy-progress", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self._stop.wait(PATIENCE)
        while not self._stop.wait(EVERY):
            self._write(self._counts())

    def _counts(self) -> str:
        done = running = waiting = failed = 0
        reasons = []
        for service in list(self._services or ()):
            session = service._flame_session
            done += getattr(session, "succeeded", 0)
            failed += getattr(session, "failed", 0)
            waiting += len(getattr(session, "queued", ()))
            running += sum(len(link.pending) for link in list(getattr(session, "links", ())))
            if getattr(session, "reason", ""):
                reasons.append(f"{session.spec.name}: {session.reason}")
        text = f"flamepy: {done:,} done, {running:,} running, {waiting:,} waiting, {failed:,} failed"
        return "  ".join([text, *reasons[:1]])

    def _write(self, text: str) -> None:
        if not text and not self._width:
            return
        try:
            sys.stderr.write("\r" + text[:120].ljust(self._width) + ("" if text else "\r"))
            sys.stderr.flush()
        except (OSError, ValueError):
            self._stop.set()
        self._width = len(text[:120])
