"""Sessions of engines that have ended, bounded, in ``history.sqlite``.

::

    engine ends ──► ended/<engine>.json ──fold──► history.sqlite ──► HistoryInspector ──► flmctl

Any number of processes may fold and read at once. A row is a session's record as JSON, so that columns can come and go
with the versions of flamepy. A damaged file is moved aside and a new one begun.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sqlite3
from typing import TYPE_CHECKING, TypeVar

from flamepy.engines.linked.inspection.places import ended_root, state_root
from flamepy.engines.linked.inspection.private_files import unlink
from flamepy.engines.linked.inspection.records import build_all, decode, fields_of
from flamepy.engines.linked.inspection.session_log import prune_logs, read_log
from flamepy.errors import EngineError
from flamepy.model.lifecycle import SessionState, TaskState
from flamepy.model.snapshot import EventRecord, SessionRecord, Snapshot, TaskRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

SESSION_LIMIT = 10_000
"""Sessions that are remembered; the newest stay."""

TASK_LIMIT = 10_000
"""Tasks that are remembered, of all sessions together."""

TASKS_PER_SESSION = 20
"""Tasks that are remembered of one session; those that failed come first, then the newest."""

_log = logging.getLogger(__name__)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS sessions
    (id TEXT PRIMARY KEY, engine TEXT NOT NULL, ended REAL NOT NULL, record TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS sessions_ended ON sessions (ended);
CREATE TABLE IF NOT EXISTS tasks (session TEXT NOT NULL, ended REAL NOT NULL, record TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS tasks_session ON tasks (session);
CREATE INDEX IF NOT EXISTS tasks_ended ON tasks (ended);
"""

_PRUNE = (
    "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions ORDER BY ended DESC LIMIT -1 OFFSET ?)",
    "DELETE FROM tasks WHERE rowid IN (SELECT rowid FROM tasks ORDER BY ended DESC LIMIT -1 OFFSET ?)",
)

T = TypeVar("T")


class HistoryInspector:
    """All engines of this user that have ended, as if they were one.

    Example:
        >>> HistoryInspector().snapshot().live  # doctest: +SKIP
        False
    """

    engine = "history"

    def snapshot(self, only: str = "") -> Snapshot:
        """What the ended engines held, the newest sessions first.

        Raises:
            EngineError: The history cannot be read.
        """
        sessions, tasks = _with_history(_read)
        return Snapshot(
            engine=self.engine,
            endpoint="",
            pid=0,
            live=False,
            created=0,
            sessions=tuple(sessions),
            tasks=tuple(tasks),
        )

    def tasks(self, session: str, task: str = "") -> list[TaskRecord]:
        """Return what is known of a session's tasks.

        Raises:
            EngineError: The history cannot be read.
        """
        return [each for each in self.snapshot().tasks if each.session == session and each.id.startswith(task)]

    def events(self, session: str, task: str = "") -> list[EventRecord]:
        """Return nothing: embedded engines keep no events."""
        return []

    def close_session(self, session: str) -> None:
        """Raise EngineError: an ended session is closed."""
        raise EngineError(f"session {session} is closed already")

    def cancel_task(self, session: str, task: str) -> None:
        """Raise EngineError: a task of an ended session is over."""
        raise EngineError(f"task {task} of session {session} is over already; the session is closed")

    def logs(self, session: str, *, follow: bool = False) -> Iterator[str]:
        """Yield the session's log; nothing more will come, whether or not ``follow`` is given.

        Raises:
            EngineError: No such session, or it kept no log.
        """
        for record in self.snapshot().sessions:
            if record.id == session and record.log_path:
                return read_log(record.log_path)
        raise EngineError(f"session {session} kept no log")


def fold_ended() -> None:
    """Move the last words of ended engines into the history; quick when there are none.

    Raises:
        EngineError: The history cannot be written.
    """
    _with_history(_fold)


def _with_history(act: Callable[[sqlite3.Connection], T]) -> T:
    path = f"{state_root()}/history.sqlite"
    try:
        try:
            return _act(path, act)
        except (sqlite3.DatabaseError, ValueError) as error:
            # Subclasses of DatabaseError mean a full disk or a lock, that class itself a file that is damaged.
            if isinstance(error, sqlite3.DatabaseError) and type(error) is not sqlite3.DatabaseError:
                raise
            _move_aside(path, error)
            return _act(path, act)
    except (sqlite3.Error, OSError) as error:
        raise EngineError(f"the history {path} cannot be used: {error}", path=path) from error


def _act(path: str, act: Callable[[sqlite3.Connection], T]) -> T:
    with contextlib.closing(sqlite3.connect(path, timeout=5, isolation_level=None)) as connection:
        if connection.execute("PRAGMA user_version").fetchone()[0] < 1:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(_SCHEMA + "PRAGMA user_version = 1;")
        connection.execute("PRAGMA synchronous = NORMAL")
        return act(connection)


def _move_aside(path: str, error: Exception) -> None:
    aside = f"{path}.damaged"
    os.replace(path, aside)
    for suffix in ("-wal", "-shm"):
        unlink(path + suffix)
    _log.warning("the history was damaged (%s); it is now %s, and a new one begins", error, aside)


def _read(connection: sqlite3.Connection) -> tuple[Iterable[SessionRecord], Iterable[TaskRecord]]:
    try:
        _fold(connection)
    except sqlite3.OperationalError as error:
        _log.warning("sessions that ended lately are missing, the history cannot be written: %s", error)
    sessions = _rows(connection, "SELECT record FROM sessions ORDER BY ended DESC, id")
    tasks = _rows(connection, "SELECT record FROM tasks ORDER BY ended DESC, rowid")
    return build_all(SessionRecord, sessions), build_all(TaskRecord, tasks)


def _rows(connection: sqlite3.Connection, query: str) -> list[dict[str, object]]:
    # One call of the parser for all rows is several times faster than one for each.
    rows: list[dict[str, object]] = json.loads(f"[{','.join(row for (row,) in connection.execute(query))}]")
    return rows


def _fold(connection: sqlite3.Connection) -> None:
    folder = ended_root()
    paths = [f"{folder}/{name}" for name in sorted(os.listdir(folder)) if not name.startswith(".")]
    if not paths:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for path in paths:
            _fold_file(connection, path)
        connection.execute(_PRUNE[0], (SESSION_LIMIT,))
        connection.execute("DELETE FROM tasks WHERE session NOT IN (SELECT id FROM sessions)")
        connection.execute(_PRUNE[1], (TASK_LIMIT,))
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    for path in paths:
        unlink(path)
    prune_logs()


def _fold_file(connection: sqlite3.Connection, path: str) -> None:
    try:
        sessions, tasks = _rows_of(path)
    except FileNotFoundError:
        return  # another process has just folded it
    except (ValueError, TypeError) as error:
        _log.warning("what an engine said at its end is not kept, %s: %s", os.path.basename(path), error)
        return
    connection.executemany("INSERT OR REPLACE INTO sessions (id, engine, ended, record) VALUES (?, ?, ?, ?)", sessions)
    connection.executemany("DELETE FROM tasks WHERE session = ?", [row[:1] for row in sessions])
    connection.executemany("INSERT INTO tasks (session, ended, record) VALUES (?, ?, ?)", tasks)


def _rows_of(path: str) -> tuple[list[tuple[str, str, float, str]], list[tuple[str, float, str]]]:
    with open(path, encoding="utf-8") as file:
        snapshot = decode(json.load(file))
    ended = os.stat(path).st_mtime
    by_session: dict[str, list[TaskRecord]] = {}
    for task in snapshot.tasks:
        by_session.setdefault(task.session, []).append(task)
    sessions, tasks = [], []
    for session in snapshot.sessions:
        when = float(session.ended if session.ended is not None else ended)
        record = session._replace(state=SessionState.CLOSED.value, ended=when, pending=0, running=0)
        sessions.append((str(session.id), str(snapshot.engine), when, json.dumps(fields_of(record))))
        kept = _worth_keeping(by_session.get(session.id, []))
        tasks += [(str(session.id), when, json.dumps(fields_of(task))) for task in kept]
    return sessions, tasks


def _worth_keeping(tasks: list[TaskRecord]) -> list[TaskRecord]:
    newest = tasks[::-1]
    failed = [task for task in newest if task.state == TaskState.FAILED.value]
    others = [task for task in newest if task.state != TaskState.FAILED.value]
    return (failed + others)[:TASKS_PER_SESSION]
