"""The client side of ``control.sock``: a running embedded engine as ``flmctl`` sees it, from another process."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

from flamepy.engines.linked.inspection.control import LENGTH_BYTES
from flamepy.engines.linked.inspection.places import live_engines
from flamepy.engines.linked.inspection.records import decode
from flamepy.engines.linked.inspection.session_log import read_log
from flamepy.errors import EngineError, EngineUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flamepy.engines.linked.inspection.places import EnginePlace
    from flamepy.engines.port import Inspector
    from flamepy.model.snapshot import EventRecord, Snapshot, TaskRecord

ANSWER_SECONDS = 3.0
"""How long an engine may take for an answer; one that is stopped by a debugger never gives one."""

_CHUNK = 1 << 20


def local_inspectors(*, history: bool = True) -> list[Inspector]:
    """Return this user's running engines on this machine, oldest first, and then the history of those that ended.

    Args:
        history: Whether those that have ended are wanted too.
    """
    live: list[Inspector] = [LiveInspector(place) for place in live_engines()]
    if not history:
        return live
    from flamepy.engines.linked.inspection.history import HistoryInspector

    return [*live, HistoryInspector()]


class LiveInspector:
    """One running engine; each call is one request to it.

    Args:
        place: The engine's folder.
        timeout: Seconds that it may take to answer.

    Example:
        >>> [LiveInspector(place).snapshot().pid for place in live_engines()]  # doctest: +SKIP
        [4711]
    """

    def __init__(self, place: EnginePlace, timeout: float = ANSWER_SECONDS) -> None:
        self.engine = place.id
        self._place = place
        self._timeout = timeout

    def snapshot(self, only: str = "") -> Snapshot:
        """What the engine holds now.

        Raises:
            EngineUnavailable: It does not answer.
            EngineError: Its answer cannot be understood.
        """
        try:
            return decode(self._ask({"verb": "snapshot"}))
        except ValueError as error:
            raise EngineError(f"the answer of engine {self.engine} cannot be understood: {error}") from error

    def tasks(self, session: str, task: str = "") -> list[TaskRecord]:
        """Return what is known of a session's tasks.

        Raises:
            EngineUnavailable: The engine does not answer.
        """
        return [each for each in self.snapshot().tasks if each.session == session and each.id.startswith(task)]

    def events(self, session: str, task: str = "") -> list[EventRecord]:
        """Return nothing: embedded engines keep no events."""
        return []

    def close_session(self, session: str) -> None:
        """Close a session: running tasks are stopped, pending ones cancelled.

        Raises:
            EngineUnavailable: The engine does not answer.
            EngineError: No such session, or it is closed already.
        """
        self._ask({"verb": "close_session", "session": session})

    def cancel_task(self, session: str, task: str) -> None:
        """Cancel one task.

        Raises:
            EngineUnavailable: The engine does not answer.
            EngineError: No such task, or it is done already.
        """
        self._ask({"verb": "cancel_task", "session": session, "task": task})

    def logs(self, session: str, *, follow: bool = False) -> Iterator[str]:
        """Yield the session's log; with ``follow`` an empty string means that there is nothing new, ask again later.

        Raises:
            EngineError: No such session, or it keeps no log.
        """
        for record in self.snapshot().sessions:
            if record.id == session and record.log_path:
                return read_log(record.log_path, follow=follow)
        raise EngineError(f"session {session} keeps no log on engine {self.engine}")

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            answer = json.loads(_exchange(self._place.control_path, json.dumps(request).encode(), self._timeout))
        except (OSError, ValueError) as error:
            raise EngineUnavailable(self._silence(error)) from error
        if "error" in answer:
            raise EngineError(str(answer["error"]))
        ok = answer.get("ok")
        return ok if isinstance(ok, dict) else {}

    def _silence(self, error: Exception) -> str:
        pid = self._place.read_info().get("pid")
        who = f"engine {self.engine}" + (f" (process {pid})" if pid else "")
        if isinstance(error, TimeoutError):
            return f"{who} did not answer in {self._timeout:g} s; it may be suspended or very busy"
        return f"{who} did not answer ({str(error) or type(error).__name__}); it may just have ended"


def _exchange(path: str, request: bytes, timeout: float) -> bytes:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout)
        connection.connect(path)
        connection.sendall(len(request).to_bytes(LENGTH_BYTES, "big") + request)
        size = int.from_bytes(_receive(connection, LENGTH_BYTES), "big")
        return bytes(_receive(connection, size))


def _receive(connection: socket.socket, size: int) -> bytearray:
    received = bytearray()
    while len(received) < size:
        chunk = connection.recv(min(_CHUNK, size - len(received)))
        if not chunk:
            raise ConnectionError("it hung up in the middle of its answer")
        received += chunk
    return received
