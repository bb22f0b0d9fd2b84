"""The page as one ASGI application."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import HTMLResponse
from starlette.routing import Route
from starlette.staticfiles import StaticFiles

from flamepy.dashboard.access import Gate
from flamepy.dashboard.api import Api
from flamepy.dashboard.health import Health

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp

    from flamepy.dashboard.source import Source

STATIC = Path(__file__).with_name("static")

_WORTH_COMPRESSING = 1024


def create_app(
    source: Source,
    *,
    token: str | None = None,
    hosts: Collection[str] = (),
    objects: Callable[[], Mapping[str, int]] | None = None,
) -> ASGIApp:
    """Return the page.

    Args:
        source: The server that it shows.
        token: What visitors must know; None for nothing, which is meant for loopback addresses.
        hosts: Further names under which the server may be asked; see `flamepy.dashboard.access`.
        objects: What the object cache counts and holds, for metrics.

    Example:
        >>> app = create_app(source)  # doctest: +SKIP
    """
    inner = Starlette(
        routes=[
            Route("/", _page("index.html", logout=token is not None)),
            Route("/login", _login),
            *Api(source).routes(),
            *Health(source, objects).routes(),
        ],
        middleware=[Middleware(GZipMiddleware, minimum_size=_WORTH_COMPRESSING)],
    )
    inner.mount("/static", _Files(directory=STATIC))
    return Gate(inner, token=token, hosts=hosts)


class _Files(StaticFiles):
    """Files that browsers ask about each time, so that a new version of flamepy is seen at once."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers["Cache-Control"] = "no-cache"
        return response


def _page(name: str, *, logout: bool) -> Callable[[Request], Awaitable[Response]]:
    html = (STATIC / name).read_text(encoding="utf-8").replace("{{version}}", version("flamepy"))
    html = html.replace("{{logout}}", "" if logout else " hidden")

    async def page(_: Request) -> Response:
        return HTMLResponse(html, headers={"Cache-Control": "no-cache"})

    return page


async def _login(request: Request) -> Response:
    html = (STATIC / "login.html").read_text(encoding="utf-8")
    return HTMLResponse(html.replace("{{hidden}}", "" if "wrong" in request.query_params else " hidden"))
