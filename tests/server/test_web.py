"""The web page of a real server: its source, close, cancel, health."""

from __future__ import annotations

import re

import grpc
import httpx
import pytest
from servers import ServerProcess
from waiting import until

from flamepy.wire.proto import types_pb2 as types
from server.client import Client


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    arguments = ("--web", "http://127.0.0.1:0")
    with ServerProcess(tmp_path_factory.mktemp("web"), web=arguments) as running:
        yield running


@pytest.fixture
def client(server):
    with grpc.insecure_channel(server.target) as channel:
        yield Client(channel)


@pytest.fixture
def page(server):
    (url,) = re.findall(r"web page at (\S+)", "".join(server.lines))
    with httpx.Client(base_url=url, headers={"Origin": url}) as page:
        yield page


def test_it_is_healthy_and_counts(page, client):
    session = client.open(client.register())
    client.run(session)
    assert page.get("/healthz").text == "ok\n"
    text = page.get("/metrics").text
    assert 'flame_sessions{state="Open"}' in text
    assert re.search(r'flame_tasks_ended_total\{application="acting-\w+",state="Succeed"\} 1\.0', text)


def test_sessions_tasks_and_logs_are_shown(page, client):
    session = client.open(client.register(), priority=2)
    for text in ("first words", "second words"):
        client.run(session, text=text)
    client.failure(session, do="raise", text="why it failed")
    until(lambda: "first words" in page.get("/api/log", params={"session": session}).text)
    listed = page.get("/api/sessions", params={"q": session}).json()["sessions"]
    assert [(each["id"], each["succeed"], each["failed"], each["priority"]) for each in listed] == [(session, 2, 1, 2)]
    tasks = page.get("/api/tasks", params={"session": session}).json()
    assert [each["id"] for each in tasks["tasks"]] == ["3", "2", "1"]
    failed = page.get("/api/tasks", params={"session": session, "state": "Failed"}).json()
    assert (failed["total"], failed["tasks"][0]["id"]) == (1, "3")
    task = page.get("/api/task", params={"session": session, "task": "3"}).json()
    assert task["task"]["message"] == "RuntimeError: why it failed"
    assert [each["code"] for each in task["events"]] == [0, 1, 3]
    shown = page.get("/api/session", params={"session": session}).json()
    assert shown["executors"][0]["state"] == "Bound"
    assert page.get("/api/timeline", params={"session": session}).text.startswith("<svg")


def test_a_task_s_own_lines_are_told_apart(page, client):
    session = client.open(client.register(), max_instances=1)
    client.run(session, text="one")
    client.run(session, text="two")
    log = {"session": session, "task": "1"}
    until(lambda: page.get("/api/log", params=log).json()["lines"] == ["one"])


def test_a_running_task_is_cancelled_and_its_process_with_it(page, client):
    session = client.open(client.register(), max_instances=1)
    pid = client.run(session)["pid"]
    task = client.submit(session, do="sleep", seconds=600)
    until(lambda: client.session(session).status.running == 1)
    assert page.post("/api/cancel", json={"session": session, "task": task}).status_code == 200
    assert client.watch(session, task).status.state == types.TaskState.Cancelled
    assert client.run(session)["pid"] != pid
    again = page.post("/api/cancel", json={"session": session, "task": task})
    assert again.status_code == 409
    assert "done already" in again.json()["error"]


def test_a_waiting_task_is_cancelled(page, client):
    session = client.open(client.register(shim=types.Shim.Wasm))
    task = client.submit(session)
    reason = page.get("/api/session", params={"session": session}).json()["session"]["reason"]
    assert "Wasm" in reason
    assert page.post("/api/cancel", json={"session": session, "task": task}).status_code == 200
    assert client.watch(session, task).status.state == types.TaskState.Cancelled


def test_a_session_is_closed_with_what_runs_in_it(page, client):
    session = client.open(client.register(), max_instances=1)
    running = client.submit(session, do="sleep", seconds=600)
    waiting = client.submit(session)
    until(lambda: client.session(session).status.running == 1)
    assert page.post("/api/close", json={"session": session}).status_code == 200
    closed = client.session(session)
    assert closed.status.state == types.SessionState.Closed
    assert (closed.status.running, closed.status.pending, closed.status.cancelled) == (0, 0, 2)
    for task in (running, waiting):
        assert client.watch(session, task).status.state == types.TaskState.Cancelled
    until(lambda: not client.executors(session))


def test_what_is_not_there_is_said(page):
    assert page.get("/api/session", params={"session": "nobody"}).status_code == 404
    assert page.get("/api/tasks", params={"session": "nobody"}).status_code == 404
    assert page.post("/api/close", json={"session": "nobody"}).status_code == 409
