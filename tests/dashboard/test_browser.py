"""The page as people use it: a real Chromium, by mouse, by keyboard, on a phone."""

from __future__ import annotations

import asyncio
import time

import pytest
from playwright.async_api import async_playwright, expect

from dashboard.browsers import CHROMIUM, FLAGS
from dashboard.scene import FakeServer, busy, served
from flamepy.model.snapshot import EventRecord, ExecutorRecord

EVIL = "<img src=x onerror=\"document.title='hacked'\"><script>document.title='hacked'</script>"

INKS = """() => {
  const speaks = (e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
  const colour = (e) => getComputedStyle(e).backgroundColor;
  const clear = (e) => colour(e) === "rgba(0, 0, 0, 0)";
  const ground = (e) => (!e ? colour(document.body) : clear(e) ? ground(e.parentElement) : colour(e));
  return [...document.querySelectorAll("main *:not(rect):not(title):not(text)")].filter(speaks)
    .map((e) => [e.textContent, getComputedStyle(e).color, ground(e)]);
}"""

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed (Debian: apt install chromium)"),
    pytest.mark.timeout(180),
]

# A test waits for what it expects; how long only says when to give up on a busy machine.
expect.set_options(timeout=20_000)

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


@pytest.fixture
async def browser():
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        await browser.close()


@pytest.fixture
async def open_page(browser):
    """Open a page; nothing may go wrong in it that the browser complains of."""
    complaints = []

    async def open_it(url, **options):
        context = await browser.new_context(**options)
        page = await context.new_page()
        page.set_default_timeout(40_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        await page.goto(url)
        return page

    yield open_it
    assert [each for each in complaints if "Failed to load resource" not in each] == []


@pytest.fixture
def server():
    return FakeServer()


@pytest.fixture
def url(server):
    with served(server) as url:
        yield url


async def test_it_shows_what_happens_as_it_happens(server, url, open_page):
    page = await open_page(url)
    await expect(page.get_by_text("No sessions yet")).to_be_visible()
    await expect(page.locator("#pulse")).to_have_text("live")
    server.add_session("flmrun-abc123", name="Counter")
    row = page.locator("tr[data-key='flmrun-abc123']")
    await expect(row).to_be_visible()
    for number in range(3):
        server.put_task("flmrun-abc123", str(number), "Running", started=time.time())
    await expect(row).to_contain_text("3 running, 0 waiting")
    server.put_task("flmrun-abc123", "0", "Failed", message="ValueError: no", ended=time.time())
    await expect(page.locator(".tile.failed strong")).to_have_text("1")
    await expect(row.locator(".progress rect.failed")).to_have_count(1)


async def test_a_session_with_its_picture_tasks_events_and_log(server, url, open_page):
    server.add_session("s 1/..%", name="fit")
    now = time.time()
    server.put_task("s 1/..%", "1", "Succeed", executor="e1", created=now - 3, started=now - 3, ended=now - 2)
    server.put_task("s 1/..%", "2", "Running", executor="e1", created=now - 3, started=now - 2)
    server.executors["e1"] = ExecutorRecord(id="e1", state="Bound", session="s 1/..%")
    server.happened["s 1/..%", None] = [EventRecord(1001, "failed to bind session", now)]
    server.logs["s 1/..%"] = "2026-01-05T10:00:00.000Z 77 stdout hello\n"
    page = await open_page(url)
    await page.get_by_role("link", name="fit").click()
    await expect(page.get_by_role("heading", name="fit")).to_be_visible()
    await expect(page.locator("svg.timeline rect.bar")).to_have_count(2)
    await expect(page.locator("svg.timeline")).to_contain_text("e1")
    await expect(page.locator("tbody tr")).to_have_count(2)
    server.put_task("s 1/..%", "3", "Failed", executor="e1", started=now, ended=now, message="Traceback\nOSError: gone")
    await expect(page.locator("svg.timeline rect.failed")).to_have_count(1)
    await expect(page.locator("tbody")).to_contain_text("OSError: gone")
    await page.get_by_role("link", name="Failed", exact=True).click()
    await expect(page.locator("tbody tr")).to_have_count(1)
    await page.get_by_role("link", name="Events (1)").click()
    await expect(page.get_by_text("failed to bind session")).to_be_visible()
    await page.get_by_role("link", name="Log", exact=True).click()
    await expect(page.locator("#log")).to_have_text("10:00:00  (77) hello\n")
    server.logs["s 1/..%"] += "2026-01-05T10:00:01.000Z 77 stderr more\n"
    await expect(page.locator("#log")).to_contain_text("(77) more")


async def test_a_failed_task_shows_its_traceback(url, server, open_page):
    server.add_session("a")
    server.put_task(
        "a", "7", "Failed", message="Traceback (most recent call last):\n  line 3\nValueError: no such kernel"
    )
    page = await open_page(f"{url}/#/task?id=a&task=7")
    await expect(page.locator("pre.trace")).to_contain_text("line 3\nValueError: no such kernel")
    await expect(page.get_by_role("button", name="Cancel task")).to_have_count(0)


async def test_closing_asks_first(server, url, open_page):
    server.add_session("a", name="Counter")
    page = await open_page(url)
    await page.get_by_role("button", name="Close session a").click()
    await expect(page.get_by_role("dialog")).to_contain_text("running tasks are stopped")
    await page.get_by_role("button", name="Keep").click()
    assert server.commands == []
    await page.get_by_role("button", name="Close session a").click()
    await page.get_by_role("dialog").get_by_role("button", name="Close session").click()
    await expect(page.locator("#toast")).to_have_text("Session a was closed.")
    await expect(page.locator("tr[data-key='a'] .badge")).to_have_text("Closed")
    assert server.commands == [("close", "a")]


async def test_cancelling_and_being_too_late(server, url, open_page):
    server.add_session("a")
    server.put_task("a", "1", "Running", started=time.time())
    server.put_task("a", "2", "Running", started=time.time())
    page = await open_page(f"{url}/#/session?id=a")
    await page.get_by_role("button", name="Cancel task 1").click()
    await page.get_by_role("dialog").get_by_role("button", name="Cancel task").click()
    await expect(page.locator("#toast")).to_have_text("Task 1 was cancelled.")
    await expect(page.locator("tr[data-key='1'] .badge")).to_have_text("Cancelled")
    await page.get_by_role("button", name="Cancel task 2").click()
    server.put_task("a", "2", "Succeed", ended=time.time())
    await page.get_by_role("dialog").get_by_role("button", name="Cancel task").click()
    await expect(page.locator("#toast")).to_have_text("task '2' is done already")


async def test_by_keyboard_alone(server, url, open_page):
    server.add_session("a", name="Counter")
    server.add_session("b", name="train")
    page = await open_page(url)
    await expect(page.get_by_role("link", name="Counter")).to_be_visible()
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("#main")).to_be_focused()
    await page.keyboard.press("/")
    await page.keyboard.type("coun")
    await expect(page.locator("tbody tr")).to_have_count(1)
    await expect(page.locator("#q")).to_be_focused()
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Counter")).to_be_focused()
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Keep")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("button", name="Close session a")).to_be_focused()
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.locator("#toast")).to_have_text("Session a was closed.")


async def test_what_has_the_focus_keeps_it_while_things_change(server, url, open_page):
    server.add_session("a", created=time.time() - 60)
    page = await open_page(url)
    button = page.get_by_role("button", name="Close session a")
    await button.focus()
    server.add_session("b")
    await expect(page.locator("tbody tr")).to_have_count(2)
    await expect(button).to_be_focused()


async def test_names_are_never_markup(server, url, open_page):
    server.add_session(EVIL, name=EVIL, application=EVIL, reason=EVIL, runner=EVIL)
    server.put_task(EVIL, EVIL, "Failed", method=EVIL, executor=EVIL, message=EVIL, started=1.0, ended=2.0)
    server.executors["e"] = ExecutorRecord(id=EVIL, state="Bound", session=EVIL, node=EVIL)
    server.logs[EVIL] = f"{EVIL}\n"
    server.happened[EVIL, None] = [EventRecord(1, EVIL, 1.0)]
    page = await open_page(url)
    await page.locator("tbody a").first.click()
    await expect(page.locator("svg.timeline rect")).to_have_count(1)
    await page.get_by_role("link", name="Log", exact=True).click()
    await expect(page.locator("#log")).to_contain_text("<script>")
    await page.get_by_role("link", name="Events (1)").click()
    await page.get_by_role("link", name="Executors").click()
    await expect(page.get_by_role("table", name="Executors")).to_contain_text("<script>")
    assert await page.locator("main img, main script").count() == 0
    assert "hacked" not in await page.title() or "<img" in await page.title()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_on_a_phone_nothing_is_cut_off(open_page, scheme):
    with served(busy()) as url:
        for view in (
            "sessions",
            "executors",
            "applications",
            "session?id=flmrun-k3v9xq",
            "task?id=flmrun-k3v9xq&task=23",
        ):
            page = await open_page(f"{url}/#/{view}", color_scheme=scheme, **PHONE)
            await expect(page.locator("#pulse")).to_have_text("live")
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), view
            for control in await page.locator("main button:visible").all():
                assert (await control.bounding_box())["height"] >= 32
            await page.context.close()


async def test_words_can_be_told_from_their_ground(open_page):
    with served(busy()) as url:
        for scheme in ("light", "dark"):
            for view in ("sessions", "session?id=flmrun-k3v9xq"):
                page = await open_page(f"{url}/#/{view}", color_scheme=scheme)
                await expect(page.locator("tbody tr").first).to_be_visible()
                for text, ink, ground in await page.evaluate(INKS):
                    assert contrast(ink, ground) >= 4.5, (scheme, text, ink, ground)
                await page.context.close()


async def test_a_lost_server_is_said_and_found_again(server, open_page):
    with served(server) as url:
        page = await open_page(url)
        await expect(page.locator("#pulse")).to_have_text("live")
        await page.context.set_offline(True)
        await expect(page.locator("#pulse")).to_have_text("offline, trying again")
        await page.context.set_offline(False)
        await expect(page.locator("#pulse")).to_have_text("live")


async def test_logging_in(server, open_page):
    with served(server, token="open sesame") as url:
        page = await open_page(url)
        await page.get_by_label("Token").fill("wrong")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_be_visible()
        await page.get_by_label("Token").fill("open sesame")
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("No sessions yet")).to_be_visible()
        await page.get_by_role("button", name="Log out").click()
        await expect(page.get_by_label("Token")).to_be_visible()


async def test_nobody_asks_while_nobody_looks(server, url, open_page):
    page = await open_page(url)
    await expect(page.locator("#pulse")).to_have_text("live")
    await page.evaluate(
        "Object.defineProperty(document, 'hidden', {value: true, configurable: true});"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )
    await asyncio.sleep(1.5)
    before = server.snapshots
    await asyncio.sleep(2.5)
    assert server.snapshots == before


def contrast(ink: str, ground: str) -> float:
    """The contrast of two colours, as WCAG counts it."""

    def light(colour: str) -> float:
        parts = [float(part) / 255 for part in colour.partition("(")[2].rstrip(")").split(",")[:3]]
        red, green, blue = (each / 12.92 if each <= 0.03928 else ((each + 0.055) / 1.055) ** 2.4 for each in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    brighter, darker = sorted((light(ink), light(ground)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)
