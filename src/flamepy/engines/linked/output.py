"""What tasks print: shown in the client with its origin, once, and kept in the session's log."""

from __future__ import annotations

import _thread
import sys
from collections import deque
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flamepy.engines.linked.engine import LinkedEngine
    from flamepy.engines.linked.inspection.session_log import SessionLog
    from flamepy.engines.linked.links import Link
    from flamepy.engines.linked.session import LinkedSession

SAME_FOR = 2.0
"""Seconds in which a line that other executors of the service print too is shown once."""

LONGEST_LINE = 64 * 1024
"""Bytes after which an unfinished line is taken for a whole one."""

RECENT = 64
"""Lines of a service that are remembered to see repetitions."""


class Output:
    """Shows and keeps the lines of an engine's tasks.

    Args:
        engine: Whose.
        show: Whether lines appear in the client; they are kept for ``flmctl logs`` in any case.
        prefix: What stands before each line shown; ``{service}`` and ``{pid}`` are filled in.
    """

    def __init__(self, engine: LinkedEngine, *, show: bool, prefix: str) -> None:
        self._engine = engine
        self._show = show
        self._prefix = prefix
        self._logs: dict[str, SessionLog] = {}
        self._recent: dict[str, deque[tuple[str, float, int]]] = {}
        self._partial: dict[int, bytes] = {}
        self._repeated = 0
        self._opening = _thread.allocate_lock()

    def lines(self, link: Link, stream: str, text: str) -> None:
        """Lines that Python code of a task printed."""
        for line in text.split("\n"):
            self._line(link, stream, line)

    def raw(self, link: Link, data: bytes) -> None:
        """Bytes that something else in an executor wrote to its descriptors 1 and 2."""
        data = self._partial.pop(link.number, b"") + data
        *whole, rest = data.split(b"\n")
        if len(rest) > LONGEST_LINE:
            whole, rest = [*whole, rest], b""
        if rest:
            self._partial[link.number] = rest
        for line in whole:
            text = line.decode("utf-8", "backslashreplace")
            link.tail.append(text)
            self._line(link, "stderr", text)

    def end(self, link: Link) -> None:
        """The executor writes no more: what it left unfinished is a line, too."""
        if link.number in self._partial:
            self.raw(link, b"\n")

    def warn(self, session: LinkedSession, text: str) -> None:
        """Something about a service that its user should know."""
        import logging

        logging.getLogger("flamepy").warning("%s", text)
        self._log(session).write(text, pid=0, stream="stderr")

    def _line(self, link: Link, stream: str, line: str) -> None:
        session = link.session
        if stream == "stderr":
            link.tail.append(line) if not link.tail or link.tail[-1] != line else None
        self._log(session).write(line, pid=link.pid, stream=stream)
        if self._show and not self._is_repetition(session.id, line, link.number):
            target = sys.stdout if stream == "stdout" else sys.stderr
            try:
                target.write(f"{self._prefix.format(service=session.spec.name, pid=link.pid)}{line}\n")
                target.flush()
            except (OSError, ValueError):  # the user closed it; the log has the line
                return

    def _is_repetition(self, session: str, line: str, number: int) -> bool:
        """Whether another executor of the service printed this line a moment ago."""
        recent = self._recent.setdefault(session, deque(maxlen=RECENT))
        now = monotonic()
        for text, when, other in recent:
            if text == line and other != number and now - when < SAME_FOR:
                return True
        recent.append((line, now, number))
        return False

    def _log(self, session: LinkedSession) -> SessionLog:
        log = self._logs.get(session.id)
        if log is None:
            from flamepy.engines.linked.inspection.session_log import SessionLog

            with self._opening:  # the keeper and whoever reads answers may both have its first line
                log = self._logs.get(session.id)
                if log is None:
                    log = self._logs[session.id] = SessionLog(self.path_of(session))
        return log

    def path_of(self, session: LinkedSession) -> str:
        """The log file of a session."""
        from flamepy.engines.linked.inspection.places import logs_root

        return f"{logs_root()}/{session.id}.log"

    def close(self) -> None:
        """Close the logs."""
        for log in self._logs.values():
            log.close()
        self._logs.clear()
