"""Who gets an answer, and what browsers are told."""

from __future__ import annotations

import pytest

from dashboard.conftest import HERE

TOKEN = "s3cret-token"
PATHS = ["/", "/api/overview", "/api/sessions", "/metrics", "/static/main.js", "/api/log?session=x", "/nothing"]


async def test_the_page_says_what_a_browser_may_do(server, visit):
    async with visit(server) as client:
        for path in ("/", "/api/overview", "/static/main.js", "/nothing"):
            headers = (await client.get(path)).headers
            policy = headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["x-frame-options"] == "DENY"


async def test_the_page_has_no_script_or_style_of_its_own(server, visit):
    async with visit(server, token=TOKEN) as client:
        for path in ("/login", "/"):
            text = (await client.get(path, headers={"Authorization": f"Bearer {TOKEN}"})).text
            assert "<style" not in text
            assert " style=" not in text
            assert "onclick" not in text
            assert "<script>" not in text
            assert "{{" not in text


@pytest.mark.parametrize("path", PATHS)
async def test_a_foreign_name_for_this_address_gets_nothing(server, visit, path):
    async with visit(server, base="http://evil.example:8082") as client:
        answer = await client.get(path)
        assert answer.status_code == 421
        assert "flmrun" not in answer.text


async def test_names_that_were_allowed_are_answered(server, visit):
    for base, hosts in (
        ("http://127.0.0.1:1", ()),
        ("http://[::1]:2", ()),
        ("http://10.1.2.3", ()),
        ("http://build-7:1", {"build-7"}),
    ):
        async with visit(server, base=base, hosts=hosts) as client:
            assert (await client.get("/api/overview")).status_code == 200


@pytest.mark.parametrize("path", PATHS)
async def test_without_the_token_nothing_is_learned(server, visit, path):
    async with visit(server, token=TOKEN) as client:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}, {"Cookie": "flame_8082=x"}):
            answer = await client.get(path, headers=headers)
            assert answer.status_code in (303, 401)
            assert "flmrun" not in answer.text
        command = await client.post("/api/close", headers=HERE, json={"session": "x"})
        assert command.status_code == 401


async def test_logging_in_and_out(server, visit):
    async with visit(server, token=TOKEN) as client:
        wrong = await client.post("/login", headers=HERE, data={"token": "guess"})
        assert (wrong.status_code, wrong.headers["location"]) == (303, "/login?wrong")
        assert "hidden" not in (await client.get("/login?wrong")).text.partition('id="wrong"')[2][:30]
        right = await client.post("/login", headers=HERE, data={"token": TOKEN})
        cookie = right.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "samesite=strict" in cookie.lower()
        assert TOKEN not in cookie
        assert (await client.get("/api/overview")).status_code == 200
        server.add_session("a")
        assert (await client.post("/api/close", headers=HERE, json={"session": "a"})).status_code == 200
        await client.post("/logout", headers=HERE)
        assert (await client.get("/api/overview")).status_code == 401


async def test_a_program_may_bear_the_token(server, visit):
    server.add_session("a")
    async with visit(server, token=TOKEN) as client:
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        assert (await client.get("/metrics")).status_code == 200
        assert (await client.post("/api/close", json={"session": "a"})).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [{}, {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "http://localhost:9999"}, {"Origin": "%%"}],
)
async def test_other_sites_cannot_command(server, visit, headers):
    server.add_session("a")
    for token in (None, TOKEN):
        async with visit(server, token=token) as client:
            await client.post("/login", headers=HERE, data={"token": TOKEN})
            for path in ("/api/close", "/api/cancel", "/login", "/logout"):
                assert (await client.post(path, headers=headers, json={"session": "a"})).status_code == 403
    assert server.commands == []


async def test_commands_are_not_links(server, visit):
    server.add_session("a")
    async with visit(server) as client:
        assert (await client.get("/api/close?session=a")).status_code == 405
    assert server.commands == []


async def test_health_tells_everybody_and_nothing_else(server, visit):
    async with visit(server, token=TOKEN, base="http://10.0.0.7:8082") as client:
        answer = await client.get("/healthz")
        assert (answer.status_code, answer.text) == (200, "ok\n")
    async with visit(server, base="http://probe") as client:
        assert (await client.get("/healthz")).status_code == 200
