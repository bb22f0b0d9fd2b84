"""The web page of a real server, in a real browser."""

from __future__ import annotations

import json
import re
import time
import urllib.request

import grpc
import pytest
from dashboard.browsers import CHROMIUM, FLAGS
from playwright.async_api import async_playwright, expect
from servers import ServerProcess

from flamepy.wire import frontend
from flamepy.wire.proto import frontend_pb2 as asked
from flamepy.wire.proto import types_pb2 as types

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (Debian: apt install chromium)"),
    pytest.mark.timeout(180),
]


@pytest.fixture
def server(tmp_path):
    with ServerProcess(tmp_path, web=("--web", "http://127.0.0.1:0")) as running:
        yield running


@pytest.fixture
def url(server):
    return re.search(r"web page at (\S+)", "".join(server.lines))[1]


@pytest.fixture
def channel(server):
    with grpc.insecure_channel(server.target) as channel:
        yield channel


@pytest.fixture
async def page(url):
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = await browser.new_page()
        page.set_default_timeout(40_000)
        await page.goto(url)
        yield page
        await browser.close()


def open_session(channel, name, application="flmexec"):
    spec = types.SessionSpec(application=application)
    frontend.CREATE_SESSION.on(channel)(asked.CreateSessionRequest(session_id=name, session=spec))


def submit(channel, name, code):
    data = json.dumps({"language": "shell", "code": code, "input": None}).encode()
    request = asked.CreateTaskRequest(task=types.TaskSpec(session_id=name, input=data))
    return frontend.CREATE_TASK.on(channel)(request).metadata.id


async def test_sessions_and_tasks_of_a_real_server(channel, page):
    await expect(page.get_by_text("No sessions yet")).to_be_visible()
    open_session(channel, "scripts")
    submit(channel, "scripts", "echo one; echo two >&2")
    await expect(page.locator("tr[data-key=scripts] .progress rect.succeed")).to_have_count(1)
    await page.get_by_role("link", name="scripts").click()
    await expect(page.locator("svg.timeline rect.succeed")).to_have_count(1)
    await page.get_by_role("link", name="Log", exact=True).click()
    await expect(page.locator("#log")).to_contain_text("two")
    await page.get_by_role("link", name="Executors").click()
    await expect(page.get_by_role("link", name="scripts")).to_be_visible()


async def test_what_runs_is_stopped(channel, page):
    open_session(channel, "scripts")
    for _ in range(2):
        submit(channel, "scripts", "sleep 600")
    await page.get_by_role("link", name="scripts").click()
    await expect(page.locator("tbody .badge.running")).not_to_have_count(0)
    await page.get_by_role("button", name="Cancel task 1").click()
    await page.get_by_role("dialog").get_by_role("button", name="Cancel task").click()
    await expect(page.locator("tr[data-key='1'] .badge")).to_have_text("Cancelled")
    await page.get_by_role("button", name="Close session scripts").click()
    await page.get_by_role("dialog").get_by_role("button", name="Close session").click()
    await expect(page.locator(".title .badge")).to_have_text("Closed")
    await expect(page.locator("tr[data-key='2'] .badge")).to_have_text("Cancelled")
    found = frontend.GET_TASK.on(channel)(asked.GetTaskRequest(session_id="scripts", task_id="2"))
    assert found.status.state == types.Cancelled


def test_health_and_metrics(channel, url):
    open_session(channel, "scripts")

    def read(path):
        with urllib.request.urlopen(url + path) as answer:
            return answer.read().decode()

    assert read("/healthz") == "ok\n"
    assert 'flame_sessions{state="Open"} 1.0' in read("/metrics")


def test_without_a_page_nothing_listens(tmp_path):
    with ServerProcess(tmp_path) as running:
        assert "web page" not in "".join(running.lines)


def test_the_server_ends_while_somebody_looks(server, url):
    with urllib.request.urlopen(f"{url}/api/overview") as answer:
        begin = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - begin < 20
        answer.read()
