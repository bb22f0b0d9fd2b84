"""The page over a fake server, asked without a network."""

from __future__ import annotations

import httpx
import pytest

from dashboard.scene import FakeServer
from flamepy.dashboard.app import create_app

HERE = {"Origin": "http://localhost:8082"}


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


@pytest.fixture
def visit():
    """Make a client of a page; every option is one of `create_app`."""

    def make(server: FakeServer, *, base: str = "http://localhost:8082", **options) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app=create_app(server, **options))
        return httpx.AsyncClient(transport=transport, base_url=base)

    return make
