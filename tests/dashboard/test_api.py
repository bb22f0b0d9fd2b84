"""What the scripts of the page get."""

from __future__ import annotations

import time

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dashboard.conftest import HERE
from dashboard.scene import TRACE, FakeServer, busy
from flamepy.dashboard.app import create_app
from flamepy.model.snapshot import ExecutorRecord

EVIL = "<img src=x onerror=alert(1)>\"'&\u2028"


async def test_counts_and_machines(visit):
    async with visit(busy()) as client:
        shown = (await client.get("/api/overview")).json()
    assert shown["sessions"] == {"Open": 3, "Closed": 1}
    assert shown["tasks"]["failed"] == 3
    assert [each["name"] for each in shown["applications"]] == ["flmping", "flmrun"]
    assert shown["applications"][1]["open"] == 3
    assert len(shown["executors"]) == 6
    assert shown["nodes"][0]["cpu"] == 8


async def test_environments_are_named_but_not_told(server, visit):
    flmrun = server.applications["flmrun"]
    server.applications["flmrun"] = flmrun._replace(environments=(("API_KEY", "hunter2"),))
    async with visit(server) as client:
        answer = await client.get("/api/overview")
    assert "API_KEY" in answer.text
    assert "hunter2" not in answer.text


async def test_what_did_not_change_is_not_sent_again(server, visit):
    server.add_session("a", created=1.0)
    async with visit(server) as client:
        first = await client.get("/api/sessions")
        tag = {"If-None-Match": first.headers["etag"]}
        again = await client.get("/api/sessions", headers=tag)
        assert (again.status_code, again.content) == (304, b"")
        await client.post("/api/close", headers=HERE, json={"session": "a"})
        changed = await client.get("/api/sessions", headers=tag)
        assert changed.json()["sessions"][0]["state"] == "Closed"
        assert changed.headers["etag"] != first.headers["etag"]


async def test_many_who_look_at_once_take_one_snapshot(server, visit):
    async with visit(server) as client:
        for _ in range(20):
            await client.get("/api/overview")
    assert server.snapshots < 5


async def test_open_sessions_come_first_and_can_be_searched(server, visit):
    server.add_session("a", created=1.0)
    server.add_session("b", created=2.0, name="Counter", runner="Digits")
    server.add_session("c", created=3.0, state="Closed")
    async with visit(server) as client:

        async def ids(query):
            return [each["id"] for each in (await client.get(f"/api/sessions?{query}")).json()["sessions"]]

        assert await ids("") == ["b", "a", "c"]
        assert await ids("state=Open") == ["b", "a"]
        assert await ids("q=digits%20count") == ["b"]
        assert await ids("limit=1&offset=2") == ["c"]
        assert await ids("offset=99999999999999999999999999") == []


async def test_where_logs_lie_is_not_told(server, visit):
    server.add_session("a", log_path="/var/secret/a.log")
    async with visit(server) as client:
        for path in ("/api/sessions", "/api/session?session=a"):
            assert "/var/secret" not in (await client.get(path)).text


async def test_one_session_with_its_executors(server, visit):
    server.add_session("a/../b c")
    server.executors["e1"] = ExecutorRecord(id="e1", state="Bound", session="a/../b c")
    server.executors["e2"] = ExecutorRecord(id="e2", state="Bound", session="other")
    async with visit(server) as client:
        shown = (await client.get("/api/session", params={"session": "a/../b c"})).json()
        assert [each["id"] for each in shown["executors"]] == ["e1"]


async def test_tasks_in_pages_by_state(visit):
    server = busy()
    async with visit(server) as client:
        answer = (await client.get("/api/tasks?session=flmrun-k3v9xq&state=Failed&limit=2")).json()
        assert answer["total"] == 3
        assert [each["id"] for each in answer["tasks"]] == ["121", "87"]
        assert answer["tasks"][0]["message"] == "ValueError: no such kernel: 'gaussian'"
        full = (await client.get("/api/task?session=flmrun-k3v9xq&task=23")).json()
        assert full["task"]["message"] == TRACE
        assert len(full["events"]) == 3


async def test_a_log_in_parts(server, visit):
    server.add_session("a")
    server.logs["a"] = "one\ntwo\n"
    async with visit(server) as client:
        first = (await client.get("/api/log?session=a&start=-100")).json()
        assert first == {"lines": ["one", "two"], "next": 8}
        server.logs["a"] += "three\n"
        assert (await client.get("/api/log?session=a&start=8")).json() == {"lines": ["three"], "next": 14}


async def test_what_users_named_stays_text(server, visit):
    server.add_session(EVIL, name=EVIL, reason=EVIL)
    server.put_task(EVIL, "1", "Failed", method=EVIL, executor=EVIL, message=EVIL, started=1.0, ended=2.0, created=1.0)
    async with visit(server) as client:
        for path in ("sessions", "session", "tasks", "task", "overview"):
            answer = await client.get(f"/api/{path}", params={"session": EVIL, "task": "1"})
            assert answer.headers["content-type"] == "application/json"
        picture = await client.get("/api/timeline", params={"session": EVIL})
        assert picture.headers["content-type"].startswith("image/svg+xml")
        assert "<img" not in picture.text
        assert "&lt;img src=x onerror" in picture.text


async def test_closing_and_cancelling(server, visit):
    server.add_session("a")
    server.put_task("a", "1", "Running", started=time.time())
    async with visit(server) as client:
        done = await client.post("/api/cancel", headers=HERE, json={"session": "a", "task": "1"})
        assert done.json() == {"done": "Task 1 was cancelled."}
        again = await client.post("/api/cancel", headers=HERE, json={"session": "a", "task": "1"})
        assert (again.status_code, again.json()) == (409, {"error": "task '1' is done already"})
        await client.post("/api/close", headers=HERE, json={"session": "a"})
        assert (await client.post("/api/close", headers=HERE, json={"session": "a"})).status_code == 409
    assert server.commands == [("cancel", "a", "1"), ("close", "a")]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'"x"', b"{}", b'{"session":1}', b"\xff\xfe", b'{"session":"' + b"x" * 20_000 + b'"}']
)
async def test_a_broken_command_is_refused(server, visit, body):
    async with visit(server) as client:
        answer = await client.post("/api/close", headers=HERE, content=body)
        assert answer.status_code in (400, 413)
        assert answer.json()["error"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("session", 400),
        ("session?session=none", 404),
        ("tasks?session=none", 404),
        ("task?session=none&task=1", 404),
        ("log?session=none", 404),
        ("timeline?session=none", 404),
        ("sessions?limit=many", 400),
        ("sessions?offset=", 400),
    ],
)
async def test_questions_that_cannot_be_answered(server, visit, path, status):
    async with visit(server) as client:
        answer = await client.get(f"/api/{path}")
        assert answer.status_code == status
        assert answer.json()["error"]


async def test_a_thousand_sessions_are_listed_at_once(server, visit):
    for number in range(1000):
        server.add_session(f"flmrun-{number:06d}")
    async with visit(server) as client:
        begin = time.perf_counter()
        shown = (await client.get("/api/sessions?limit=100")).json()
        assert time.perf_counter() - begin < 1
        assert (shown["total"], len(shown["sessions"])) == (1000, 100)


async def test_metrics(visit):
    async with visit(busy(), objects=lambda: {"puts": 3, "objects": 2}) as client:
        text = (await client.get("/metrics")).text
    assert 'flame_sessions{state="Open"} 3.0' in text
    assert 'flame_tasks{application="flmrun",state="Running"}' in text
    assert 'flame_tasks_ended_total{application="flmrun",state="Failed"} 3.0' in text
    assert 'flame_executors{state="Bound"} 5.0' in text
    assert 'flame_node_memory_bytes{node="workstation"}' in text
    assert "process_resident_memory_bytes" in text
    assert "flame_cache_puts_total 3.0" in text
    assert "flame_cache_objects 2.0" in text


async def test_a_server_that_cannot_answer_is_unhealthy(server, visit, monkeypatch):
    async def broken():
        from flamepy.errors import EngineError

        raise EngineError("the database is gone")

    monkeypatch.setattr(server, "snapshot", broken)
    async with visit(server) as client:
        assert (await client.get("/healthz")).status_code == 503


async def test_a_picture_is_drawn_anew_only_if_something_happened(server, visit, monkeypatch):
    server.add_session("a")
    server.put_task("a", "1", "Succeed", started=1.0, created=1.0, ended=2.0)
    asked = []
    tasks = server.tasks

    async def counted(*args, **kwargs):
        asked.append(args)
        return await tasks(*args, **kwargs)

    monkeypatch.setattr(server, "tasks", counted)
    async with visit(server) as client:
        first = await client.get("/api/timeline?session=a")
        again = await client.get("/api/timeline?session=a", headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, len(asked)) == (304, 1)
        server.put_task("a", "2", "Failed", started=2.0, created=1.0, ended=3.0)
        await client.post("/api/close", headers=HERE, json={"session": "a"})
        assert "failed" in (await client.get("/api/timeline?session=a")).text
        assert len(asked) == 2


async def test_a_hundred_thousand_tasks(server, visit):
    server.add_session("a")
    template = await _one_task(server)
    server.by_session["a"] = {
        str(n): template._replace(id=str(n), started=n / 100, ended=n / 100 + 0.5, executor=f"e{n % 8}")
        for n in range(100_000)
    }
    async with visit(server) as client:
        begin = time.perf_counter()
        picture = await client.get("/api/timeline?session=a")
        page = (await client.get("/api/tasks?session=a&offset=99950")).json()
        assert time.perf_counter() - begin < 5
    assert len(picture.content) < 500_000
    assert (page["total"], len(page["tasks"])) == (100_000, 50)


async def _one_task(server):
    server.put_task("a", "0", "Succeed", created=0.0)
    return await server.task("a", "0")


PATHS = ["sessions", "session", "tasks", "task", "log", "timeline", "overview", "close", "cancel", "..", "%2e%2e"]


@given(
    st.sampled_from(PATHS),
    st.dictionaries(st.sampled_from(["session", "task", "state", "q", "offset", "limit", "start", "width"]), st.text()),
    st.binary(max_size=200),
)
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_question_breaks_it(path, query, body):
    server = FakeServer()
    server.add_session("a")
    transport = httpx.ASGITransport(app=create_app(server))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        for method in ("GET", "POST"):
            answer = await client.request(
                method, f"/api/{path}", params=query, content=body, headers={"Origin": "http://localhost"}
            )
            assert answer.status_code < 500
