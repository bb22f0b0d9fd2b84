"""What survives: a SQLite file, written by one thread in batches.

Whoever changes something adds its statements and awaits `Store.saved`. Everything that came while a batch was being
written makes the next one, so that many requests share one commit and one alone waits for nobody.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

from flamepy.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

logger = logging.getLogger("flamepy.server")

VERSION = 1
"""Of the schema; a file of another version is refused."""

_SCHEMA = """
CREATE TABLE applications (name TEXT PRIMARY KEY, spec BLOB NOT NULL, created INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE sessions (
    id TEXT PRIMARY KEY, spec BLOB NOT NULL, state TEXT NOT NULL, created INTEGER NOT NULL, ended INTEGER
) WITHOUT ROWID;
CREATE TABLE tasks (
    session TEXT NOT NULL, number INTEGER NOT NULL, state TEXT NOT NULL, created INTEGER NOT NULL,
    started INTEGER, ended INTEGER, executor TEXT, message TEXT, input BLOB, output BLOB,
    PRIMARY KEY (session, number)
);
CREATE TABLE events (session TEXT NOT NULL, code INTEGER NOT NULL, message TEXT NOT NULL, created INTEGER NOT NULL);
CREATE INDEX events_of_session ON events (session);
"""

GATHER_SECONDS = 0.002
"""How long a batch gathers after one that several waited for; where one client asks at a time, nothing is gained."""

_SYNCHRONOUS = ("off", "normal", "full", "extra")


Statement = tuple[str, tuple[Any, ...]]
"""SQL and its values."""

Waiter = Callable[[EngineError | None], None]
"""Called when a batch is on file, or with the reason why it is not."""


class Saved(NamedTuple):
    """Everything that a file holds, as rows."""

    applications: list[tuple[Any, ...]]
    sessions: list[tuple[Any, ...]]
    events: list[tuple[Any, ...]]


class Store:
    """The file.

    Args:
        path: Where it is; made if it is not there. ``:memory:`` keeps nothing.
        synchronous: SQLite's word for how careful it is: ``normal`` survives the death of the process, ``full`` that of
            the machine, at the price of a disk flush per batch.

    Raises:
        EngineError: The file is not a store of this version, or cannot be opened.

    Example:
        >>> store = Store(":memory:")
        >>> store.load().sessions
        []
        >>> store.close()
    """

    def __init__(self, path: Path | str, synchronous: str = "normal") -> None:
        if synchronous not in _SYNCHRONOUS:
            raise EngineError(f"synchronous={synchronous!r}: must be one of {', '.join(_SYNCHRONOUS)}")
        self._path = path
        try:
            self._base = sqlite3.connect(path, check_same_thread=False, isolation_level=None, cached_statements=64)
        except sqlite3.Error as error:
            raise EngineError(f"{path}: cannot be opened as the server's store: {error}") from error
        try:
            self._prepare(synchronous)
        except sqlite3.Error as error:
            self._base.close()
            raise EngineError(f"{path}: cannot be used as the server's store: {error}") from error
        except EngineError:
            self._base.close()
            raise
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="flame-store")
        self._statements: list[Statement] = []
        self._waiters: list[Waiter] = []
        self._writing: asyncio.Task[None] | None = None
        self._problem: sqlite3.Error | None = None

    def check(self) -> None:
        """Return if what is added now is likely to be kept.

        Raises:
            EngineError: The last batch could not be written. It is tried again now; whoever asks later may be luckier.
        """
        if self._problem is not None:
            self._begin()
            raise self._cannot(self._problem)

    def add(self, statement: str, *values: object) -> None:
        """Add one statement to the next batch."""
        self._statements.append((statement, values))
        self._begin()

    async def saved(self) -> None:
        """Return when everything that was added is on file.

        Raises:
            EngineError: It could not be written; it stays in line and is tried again with the next change.
        """
        if self._writing is None and not self._statements:
            return
        future = asyncio.get_running_loop().create_future()

        def tell(problem: EngineError | None) -> None:
            if future.done():  # whoever waited does no longer
                return
            if problem is None:
                future.set_result(None)
            else:
                future.set_exception(problem)

        self.then(tell)
        await future

    def then(self, waiter: Waiter) -> None:
        """Have something called when everything that was added is on file, or cannot be written."""
        self._waiters.append(waiter)
        self._begin()

    def load(self) -> Saved:
        """Return everything but tasks."""
        return Saved(
            self._base.execute("SELECT name, spec, created FROM applications ORDER BY name").fetchall(),
            self._base.execute("SELECT id, spec, state, created, ended FROM sessions ORDER BY created, id").fetchall(),
            self._base.execute("SELECT session, code, message, created FROM events ORDER BY rowid").fetchall(),
        )

    def tasks(self) -> Iterator[tuple[Any, ...]]:
        """Yield all tasks, by session and number: the inputs of those that have not ended, and whether others have."""
        yield from self._base.execute(
            "SELECT session, number, state, created, started, ended, executor, message, "
            "CASE WHEN ended IS NULL THEN input END, "
            "ended IS NOT NULL AND (input IS NOT NULL OR output IS NOT NULL) "
            "FROM tasks ORDER BY session, number"
        )

    async def payload(self, session: str, number: int) -> tuple[bytes | None, bytes | None]:
        """Return what a task was given and what it made.

        Raises:
            EngineError: It cannot be read.
        """
        question = "SELECT input, output FROM tasks WHERE session = ? AND number = ?"

        def read() -> tuple[bytes | None, bytes | None]:
            try:
                row: tuple[bytes | None, bytes | None] | None = self._base.execute(
                    question, (session, number)
                ).fetchone()
            except sqlite3.Error as error:
                raise EngineError(f"{self._path} cannot be read: {error}") from error
            return row or (None, None)

        return await asyncio.get_running_loop().run_in_executor(self._thread, read)

    def close(self) -> None:
        """Write nothing more; what was added and not awaited may be lost. Idempotent."""
        self._thread.shutdown(wait=True)
        self._base.close()

    def _prepare(self, synchronous: str) -> None:
        self._base.execute("PRAGMA busy_timeout=2000")
        self._base.execute("PRAGMA journal_mode=WAL")
        self._base.execute(f"PRAGMA synchronous={synchronous}")
        (version,) = self._base.execute("PRAGMA user_version").fetchone()
        if version == 0:
            self._base.executescript(f"BEGIN EXCLUSIVE; {_SCHEMA} PRAGMA user_version={VERSION}; COMMIT;")
        elif version != VERSION:
            raise EngineError(
                f"{self._path} was written by another version of flamepy (schema {version}, this one reads {VERSION}); "
                "use that version, or another --data folder"
            )

    def _begin(self) -> None:
        if self._writing is None:
            self._writing = asyncio.get_running_loop().create_task(self._write(), name="flame-store")

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        crowd = 0
        while self._statements or self._waiters:
            if crowd > 1:  # others come all the time: more of them share the next commit
                await asyncio.sleep(GATHER_SECONDS)
            statements, self._statements = self._statements, []
            waiters, self._waiters = self._waiters, []
            crowd = len(waiters)
            try:
                await loop.run_in_executor(self._thread, self._commit, statements)
            except sqlite3.OperationalError as error:  # no room, no permission: may get better
                self._statements[:0] = statements
                self._fail(waiters, error)
                break
            self._problem = None
            for waiter in waiters:
                waiter(None)
        self._writing = None

    def _fail(self, waiters: list[Waiter], error: sqlite3.Error) -> None:
        if self._problem is None:
            logger.error("%s: nothing new is accepted until it can", self._cannot(error))
        self._problem = error
        waiters, self._waiters = [*waiters, *self._waiters], []
        for waiter in waiters:
            waiter(self._cannot(error))

    def _cannot(self, error: sqlite3.Error) -> EngineError:
        return EngineError(f"{self._path} cannot be written: {error}")

    def _commit(self, statements: list[Statement]) -> None:
        try:
            self._transact(statements)
        except sqlite3.OperationalError:
            raise
        except Exception:
            if len(statements) == 1:
                logger.exception("a change cannot be kept: this is a bug of flamepy: %.200s", statements[0])
                return
            for each in statements:  # one of them is bad, and the others must not suffer
                self._commit([each])

    def _transact(self, statements: list[Statement]) -> None:
        base = self._base
        base.execute("BEGIN")
        try:
            for statement, values in statements:
                base.execute(statement, values)
        except BaseException:
            base.execute("ROLLBACK")
            raise
        base.execute("COMMIT")
