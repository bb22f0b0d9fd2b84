from __future__ import annotations

import os
import threading

import pytest

from flamepy.engines.linked.inspection import ended, history, places
from flamepy.engines.linked.inspection.ended import bury, record_end
from flamepy.engines.linked.inspection.history import HistoryInspector
from flamepy.engines.linked.inspection.records import encode
from flamepy.engines.linked.inspection.session_log import SessionLog, prune_logs
from flamepy.errors import EngineError
from flamepy.model.snapshot import SessionRecord, Snapshot, TaskRecord


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("FLAMEPY_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("FLAMEPY_STATE_DIR", str(tmp_path / "state"))
    return tmp_path / "state"


def snapshot(engine, *sessions, tasks=()):
    return Snapshot(
        engine=engine, endpoint="local://", pid=1, live=False, created=0, sessions=tuple(sessions), tasks=tuple(tasks)
    )


def session(id, **changes):
    fields = {"name": "f", "state": "Closed", "application": "flmrun", "resources": "-", "created": 1.0, "ended": 2.0}
    return SessionRecord(id=id, **{**fields, **changes})


def task(id, state="Succeed"):
    return TaskRecord(id=str(id), session="s1", method="f", state=state)


def remembered():
    return [record.id for record in HistoryInspector().snapshot().sessions]


def test_what_ended_is_remembered_and_the_file_is_gone(state):
    assert record_end(snapshot("e1", session("s1"), tasks=[task(1)]))
    view = HistoryInspector().snapshot()
    assert view.sessions == (session("s1"),)
    assert view.tasks == (task(1),)
    assert not view.live
    assert os.listdir(state / "ended") == []
    assert HistoryInspector().snapshot() == view


def test_what_was_open_is_remembered_as_closed():
    record_end(snapshot("e1", session("s1", state="Open", ended=None, pending=3, running=1)))
    (record,) = HistoryInspector().snapshot().sessions
    assert (record.state, record.pending, record.running) == ("Closed", 0, 0)
    assert record.ended > 2


def test_an_engine_without_sessions_leaves_nothing(state):
    assert not record_end(snapshot("e1"))
    assert not state.exists()


def test_the_newest_stay(monkeypatch):
    monkeypatch.setattr(history, "SESSION_LIMIT", 3)
    record_end(snapshot("e1", *(session(f"s{n}", ended=float(n)) for n in range(9)), tasks=[task(1)]))
    assert remembered() == ["s8", "s7", "s6"]
    assert HistoryInspector().snapshot().tasks == ()


def test_of_many_tasks_the_failures_are_kept_first():
    tasks = [task(1, "Failed"), *(task(n) for n in range(2, 100))]
    record_end(snapshot("e1", session("s1"), tasks=tasks))
    kept = HistoryInspector().snapshot().tasks
    assert [kept[0].id, kept[1].id, len(kept)] == ["1", "99", history.TASKS_PER_SESSION]


def test_a_damaged_history_is_moved_aside(state, caplog):
    record_end(snapshot("e1", session("s1")))
    (state / "history.sqlite").write_bytes(b"this is no database, by any means" * 100)
    assert remembered() == ["s1"]
    assert (state / "history.sqlite.damaged").exists()
    assert "damaged" in caplog.text


@pytest.mark.parametrize("text", ["", "{", "[]", '{"engine": "e"}', '{"sessions": [{"id": 1}]}', '"x"'])
def test_damaged_last_words_are_dropped(state, text, caplog):
    record_end(snapshot("e1", session("s1")))
    (state / "ended" / "e0.json").write_text(text)
    assert remembered() == ["s1"]
    assert "e0.json" in caplog.text
    assert os.listdir(state / "ended") == []


def test_nobody_reading_leaves_a_bounded_folder(state, monkeypatch):
    monkeypatch.setattr(ended, "FILE_LIMIT", 5)
    for number in range(13):
        record_end(snapshot(f"e{number}", session(f"s{number}")))
        assert len(os.listdir(state / "ended")) <= 5
    assert len(remembered()) == 13


def test_a_state_folder_that_cannot_be_made_is_no_error(state):
    state.write_text("a file where the folder should be")
    assert record_end(snapshot("e1", session("s1"))) is False


def test_readers_at_the_same_time_agree():
    for number in range(40):
        record_end(snapshot(f"e{number}", session(f"s{number}")))
    seen = []
    threads = [threading.Thread(target=lambda: seen.append(sorted(remembered()))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [sorted(f"s{number}" for number in range(40))] * 4


def test_a_killed_engine_is_remembered_by_what_it_said_last():
    place = places.claim("e1")
    place.write_info({"snapshot": encode(snapshot("e1", session("s1", state="Open", ended=None)))})
    dead = places.EnginePlace(place.path)
    bury(dead)
    (record,) = HistoryInspector().snapshot().sessions
    assert (record.state, record.reason) == ("Closed", "its program was killed")
    assert not os.path.exists(dead.path)
    place.release()


def test_old_logs_go_first_and_open_ones_stay():
    logs = {name: SessionLog(f"{places.logs_root()}/{name}.log") for name in ("old", "open", "new")}
    for age, (name, log) in enumerate(logs.items()):
        log.write("x" * 500, pid=1)
        if name != "open":
            log.close()
        os.utime(log.path, (age, age))
    prune_logs(bytes_limit=700)
    assert sorted(os.listdir(places.logs_root())) == ["open.log"]
    logs["open"].close()


def test_the_past_cannot_be_changed():
    with pytest.raises(EngineError, match="closed already"):
        HistoryInspector().close_session("s1")
    with pytest.raises(EngineError, match="over already"):
        HistoryInspector().cancel_task("s1", "1")
    with pytest.raises(EngineError, match="kept no log"):
        HistoryInspector().logs("s1")


def test_the_log_of_the_past_can_be_read():
    log = SessionLog(f"{places.logs_root()}/s1.log")
    log.write("hello", pid=1)
    log.close()
    record_end(snapshot("e1", session("s1", log_path=log.path)))
    assert [line.rsplit(" ", 1)[1] for line in HistoryInspector().logs("s1", follow=True)] == ["hello"]
