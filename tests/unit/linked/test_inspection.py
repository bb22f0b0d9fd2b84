from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flamepy.engines.linked.inspection import places
from flamepy.engines.linked.inspection.control import REQUEST_LIMIT, ControlServer, handler_for
from flamepy.engines.linked.inspection.inspector import LiveInspector, local_inspectors
from flamepy.engines.linked.inspection.records import decode, encode, to_json
from flamepy.engines.linked.inspection.session_log import SessionLog, older_part, read_log
from flamepy.errors import EngineError, EngineUnavailable
from flamepy.model.application import flmrun
from flamepy.model.snapshot import SessionRecord, Snapshot


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    monkeypatch.setenv("FLAMEPY_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("FLAMEPY_STATE_DIR", str(tmp_path / "state"))


class FakeEngine:
    def __init__(self, sessions=()):
        self.sessions = sessions
        self.asked = []

    def snapshot(self):
        return Snapshot(
            engine="1-a", endpoint="local://", pid=1, live=True, created=1.5,
            applications=(flmrun(1.5),), sessions=tuple(self.sessions),
        )  # fmt: skip

    def close_session(self, session):
        self.asked.append(("close", session))

    def cancel_task(self, session, task):
        raise EngineError(f"task {task} is done already")


class Served:
    """A ControlServer driven by a thread, as an engine's background thread drives it."""

    def __init__(self, handler):
        self.place = places.claim("1-a")
        self.server = ControlServer(self.place.control_path, handler)
        self.wake, self.stop = os.pipe()
        self.thread = threading.Thread(target=self.loop)

    def loop(self):
        poll = select.poll()
        poll.register(self.server.fileno(), select.POLLIN)
        poll.register(self.wake, select.POLLIN)
        while not any(descriptor == self.wake for descriptor, _ in poll.poll()):
            self.server.handle_ready()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        os.write(self.stop, b"x")
        self.thread.join()
        self.server.close()
        self.server.close()
        self.place.release()
        os.close(self.wake)
        os.close(self.stop)

    def connect(self):
        client = socket.socket(socket.AF_UNIX)
        client.connect(self.place.control_path)
        client.settimeout(20)
        return client


def session(**changes):
    fields = {"id": "s1", "name": "f", "state": "Open", "application": "flmrun", "resources": "cpu=1", "created": 1.0}
    return SessionRecord(**{**fields, **changes})


def drained(client):
    """Read until the server hangs up, in whatever manner."""
    received = b""
    try:
        while chunk := client.recv(1 << 16):
            received += chunk
    except ConnectionError:
        pass
    return received


def test_a_snapshot_arrives_as_it_was():
    engine = FakeEngine([session(log_path="x")])
    with Served(handler_for(engine)) as served:
        assert LiveInspector(served.place).snapshot() == engine.snapshot()


def test_an_answer_larger_than_any_socket_buffer_arrives():
    engine = FakeEngine([session(id=f"s{n}", reason="x" * 1000) for n in range(3000)])
    with Served(handler_for(engine)) as served:
        assert len(LiveInspector(served.place).snapshot().sessions) == 3000


def test_verbs_reach_the_engine_and_its_errors_come_back():
    engine = FakeEngine()
    with Served(handler_for(engine)) as served:
        inspector = LiveInspector(served.place)
        inspector.close_session("s1")
        assert engine.asked == [("close", "s1")]
        with pytest.raises(EngineError, match="task 7 is done already"):
            inspector.cancel_task("s1", "7")


def test_a_bug_in_the_handler_is_an_answer():
    def broken(request):
        raise ZeroDivisionError("oops")

    with Served(broken) as served, pytest.raises(EngineError, match="ZeroDivisionError: oops"):
        LiveInspector(served.place).snapshot()


def test_an_unknown_verb_is_an_answer():
    with Served(handler_for(FakeEngine())) as served, pytest.raises(EngineError, match="'dance'"):
        LiveInspector(served.place)._ask({"verb": "dance"})


def test_an_engine_that_is_stuck_is_named_with_its_process():
    place = places.claim("1-a")
    place.write_info({"pid": 4711})
    server = ControlServer(place.control_path, handler_for(FakeEngine()))
    with pytest.raises(EngineUnavailable, match=r"process 4711.*did not answer in 0\.05 s"):
        LiveInspector(place, timeout=0.05).snapshot()
    server.close()
    place.release()


def test_an_engine_that_has_gone_is_unavailable():
    place = places.claim("1-a")
    with pytest.raises(EngineUnavailable, match="may just have ended"):
        LiveInspector(place).snapshot()
    place.release()


def test_stuck_clients_do_not_keep_others_waiting():
    with Served(handler_for(FakeEngine())) as served, contextlib.ExitStack() as opened:
        stuck = [opened.enter_context(served.connect()) for _ in range(40)]
        for client in stuck[::2]:
            with contextlib.suppress(OSError):  # the oldest of so many are dropped
                client.send(b"\0")
        assert LiveInspector(served.place).snapshot().engine == "1-a"


@given(messages=st.lists(st.binary(max_size=300), min_size=1, max_size=8))
def test_no_bytes_break_the_server(messages):
    with Served(handler_for(FakeEngine())) as served:
        for message in messages:
            with served.connect() as client:
                with contextlib.suppress(OSError):  # the server may hang up on it at any moment
                    client.sendall(message)
                    client.shutdown(socket.SHUT_WR)
                drained(client)
        assert LiveInspector(served.place).snapshot().engine == "1-a"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@given(value=json_values)
def test_any_json_gets_an_answer(value):
    message = json.dumps(value).encode()
    with Served(handler_for(FakeEngine())) as served, served.connect() as client:
        client.sendall(len(message).to_bytes(4, "big") + message)
        answer = drained(client)
        assert "error" in json.loads(answer[4:])


def test_a_request_that_is_too_long_is_not_read():
    with Served(handler_for(FakeEngine())) as served, served.connect() as client:
        client.sendall((REQUEST_LIMIT + 1).to_bytes(4, "big"))
        assert drained(client) == b""


def test_a_snapshot_of_another_version_is_understood():
    data = encode(FakeEngine([session()]).snapshot())
    data["invented"] = 1
    data["sessions"][0]["invented"] = 2
    del data["sessions"][0]["priority"]
    assert decode(data).sessions == (session(),)


@pytest.mark.parametrize("data", [{}, {"engine": 1}, {"sessions": 3}, {"engine": "a", "sessions": [1]}])
def test_what_is_no_snapshot_is_a_value_error(data):
    with pytest.raises(ValueError, match="not a snapshot"):
        decode(data)


def test_a_log_reads_as_it_was_written():
    path = f"{places.logs_root()}/s1.log"
    log = SessionLog(path)
    log.write("one\ntwo\n", pid=7)
    log.write("", pid=7, stream="stderr")
    log.write("lone \ud800 surrogate", pid=7)
    log.close()
    log.write("late", pid=7)
    lines = [line.split(" ", 3)[1:] for line in read_log(path)]
    assert lines == [["7", "stdout", "one"], ["7", "stdout", "two"], ["7", "stderr", ""],
                     ["7", "stdout", "lone \\ud800 surrogate"]]  # fmt: skip


def test_a_full_log_keeps_the_newest():
    path = f"{places.logs_root()}/s1.log"
    log = SessionLog(path, limit_bytes=10_000)
    for number in range(2000):
        log.write(str(number), pid=7)
    assert os.path.getsize(path) + os.path.getsize(older_part(path)) <= 10_000
    numbers = [int(line.rsplit(" ", 1)[1]) for line in read_log(path)]
    assert numbers == list(range(numbers[0], 2000))
    log.close()


def test_a_log_without_lines_leaves_no_file():
    log = SessionLog(f"{places.logs_root()}/s1.log")
    log.close()
    assert os.listdir(places.logs_root()) == []


def test_following_ends_with_the_log_and_survives_its_rotation():
    path = f"{places.logs_root()}/s1.log"
    log = SessionLog(path, limit_bytes=1000)
    log.write("first", pid=7)
    lines = read_log(path, follow=True)
    assert next(lines).endswith("first")
    assert next(lines) == ""
    for number in range(14):
        log.write(f"n{number}", pid=7)
    log.close()
    rest = [line.rsplit(" ", 1)[1] for line in lines if line]
    assert rest == [f"n{number}" for number in range(14)]


def test_logs_are_those_of_the_session():
    path = f"{places.logs_root()}/s1.log"
    log = SessionLog(path)
    log.write("hello", pid=7)
    with Served(handler_for(FakeEngine([session(log_path=path), session(id="s2")]))) as served:
        inspector = LiveInspector(served.place)
        assert [line.rsplit(" ", 1)[1] for line in inspector.logs("s1")] == ["hello"]
        with pytest.raises(EngineError, match="s2 keeps no log"):
            inspector.logs("s2")
    log.close()


def test_running_engines_come_before_the_history():
    with Served(handler_for(FakeEngine())):
        assert [each.engine for each in local_inspectors()] == ["1-a", "history"]
        assert [each.engine for each in local_inspectors(history=False)] == ["1-a"]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_records_are_written_as_json_reads_them(value):
    assert json.loads(to_json(value)) == value
