"""The file: what is saved is there, what cannot be written is said and not lost."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest

from flamepy.errors import EngineError
from flamepy.server.store import Store

NEW = "INSERT OR REPLACE INTO tasks (session, number, state, created, input) VALUES (?, ?, 'Pending', 0, ?)"


@pytest.fixture
async def store(tmp_path):
    made = Store(tmp_path / "flame.db")
    yield made
    made.close()


def numbers(path) -> list[int]:
    with sqlite3.connect(path) as base:
        return [number for (number,) in base.execute("SELECT number FROM tasks ORDER BY number")]


async def test_what_is_saved_is_in_the_file(store, tmp_path):
    await store.saved()
    for number in range(100):
        store.add(NEW, "s", number, b"x")
    await asyncio.gather(*(store.saved() for _ in range(50)))
    assert numbers(tmp_path / "flame.db") == list(range(100))
    assert await store.payload("s", 7) == (b"x", None)
    assert await store.payload("s", 700) == (None, None)


async def test_many_changes_share_a_commit(store):
    commits = 0

    def count(statement: str) -> None:
        nonlocal commits
        commits += statement == "COMMIT"

    store._base.set_trace_callback(count)

    async def change(number: int) -> None:
        store.add(NEW, "s", number, b"x")
        await store.saved()

    await asyncio.gather(*(change(number) for number in range(1000)))
    store._base.set_trace_callback(None)
    assert 1 <= commits <= 20


async def test_a_full_disk_is_said_and_nothing_is_lost_when_there_is_room_again(store, tmp_path):
    (pages,) = store._base.execute("PRAGMA page_count").fetchone()
    store._base.execute(f"PRAGMA max_page_count={pages + 2}")
    store.add(NEW, "s", 1, b"x" * 1_000_000)
    with pytest.raises(EngineError, match="cannot be written"):
        await store.saved()
    store._base.execute("PRAGMA max_page_count=1000000")
    store.add(NEW, "s", 2, b"y")
    await store.saved()
    assert numbers(tmp_path / "flame.db") == [1, 2]


async def test_a_change_that_can_never_be_kept_does_not_stop_the_others(store, tmp_path, caplog):
    store.add(NEW, "s", 1, b"x")
    store.add(NEW, "s", 2**70, b"x")
    store.add(NEW, "s", 3, b"x")
    await store.saved()
    assert numbers(tmp_path / "flame.db") == [1, 3]
    assert "this is a bug of flamepy" in caplog.text


def test_another_version_s_file_is_refused(tmp_path):
    path = tmp_path / "flame.db"
    with sqlite3.connect(path) as base:
        base.execute("PRAGMA user_version=99")
    with pytest.raises(EngineError, match=r"another version of flamepy \(schema 99"):
        Store(path)


def test_what_is_no_database_is_refused(tmp_path):
    path = tmp_path / "flame.db"
    path.write_bytes(b"no database" * 100)
    with pytest.raises(EngineError, match="cannot be used as the server's store"):
        Store(path)


def test_an_unknown_word_for_care_is_refused(tmp_path):
    with pytest.raises(EngineError, match="must be one of off, normal, full, extra"):
        Store(tmp_path / "flame.db", "sometimes")
