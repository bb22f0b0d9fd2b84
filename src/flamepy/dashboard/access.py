"""Who may ask for the page, and what every answer says to the browser.

- *Host*: without a token only the names of this server are answered, and plain addresses. Else any web site could point
  a name of its own at this address and read everything as if it were the page itself.
- *Origin*: what changes something must come from the page, not from another site in the same browser.
- *Login*: where the server has a token, everything but ``/healthz`` needs it: in the form, which gives a cookie, or as
  a bearer token.
"""

from __future__ import annotations

import hmac
import secrets
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse

if TYPE_CHECKING:
    from collections.abc import Collection

    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK_NAMES = frozenset({"localhost"})

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

_OPEN_PATHS = frozenset({"/healthz", "/login", "/static/app.css", "/static/icon.svg"})
_READING = frozenset({"GET", "HEAD"})


class Gate:
    """What lets requests through to the page.

    Args:
        app: What is behind it.
        token: What visitors must know; None for nothing.
        hosts: Names under which this server may be asked besides localhost; with a token any will do.

    Example:
        >>> Gate(app, token=None, hosts={"localhost"})  # doctest: +SKIP
    """

    def __init__(self, app: ASGIApp, *, token: str | None, hosts: Collection[str] = ()) -> None:
        self._app = app
        self._token = token
        self._hosts = LOOPBACK_NAMES | set(hosts)
        self._cookie = secrets.token_urlsafe(32)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers[name] = value
            await send(message)

        answer = await self._answer(Request(scope, receive)) or self._app
        await answer(scope, receive, guarded_send)

    async def _answer(self, request: Request) -> Response | None:
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        if request.url.path == "/login" and request.method == "POST":
            return await self._login(request)
        if request.url.path == "/logout" and request.method == "POST":
            leaving = RedirectResponse("/login", status_code=303)
            leaving.delete_cookie(_cookie_name(request))
            return leaving
        return None

    def _refusal(self, request: Request) -> Response | None:
        path = request.url.path
        if path != "/healthz" and not self._known_host(request.headers):
            return PlainTextResponse("this server is not known under that name; use localhost\n", status_code=421)
        if request.method not in _READING and not self._same_origin(request):
            return JSONResponse({"error": "the request does not come from this page"}, status_code=403)
        if path in _OPEN_PATHS or self._knows_token(request):
            return None
        if path == "/":
            return RedirectResponse("/login", status_code=303)
        challenge = {"WWW-Authenticate": "Bearer"}
        return JSONResponse({"error": "log in first"}, status_code=401, headers=challenge)

    def _known_host(self, headers: Headers) -> bool:
        if self._token is not None:
            return True
        try:
            host = urlsplit(f"//{headers.get('host', '')}").hostname or ""
        except ValueError:
            return False
        return host in self._hosts or _is_address(host)

    def _same_origin(self, request: Request) -> bool:
        """Whether a browser says that our own page asks, or no browser asks at all but someone who knows the token."""
        origin = request.headers.get("origin")
        if origin is not None:
            return urlsplit(origin).netloc == request.headers.get("host")
        return self._token is not None and self._bears_token(request)

    def _knows_token(self, request: Request) -> bool:
        if self._token is None or self._bears_token(request):
            return True
        return hmac.compare_digest(request.cookies.get(_cookie_name(request), "").encode(), self._cookie.encode())

    def _bears_token(self, request: Request) -> bool:
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        return kind.lower() == "bearer" and self._is_token(given.strip())

    def _is_token(self, given: str) -> bool:
        return self._token is not None and hmac.compare_digest(given.encode(), self._token.encode())

    async def _login(self, request: Request) -> Response:
        body = (await _body(request, limit=4096)).decode("utf-8", "replace")
        if not self._is_token(_form_value(body, "token")):
            return RedirectResponse("/login?wrong", status_code=303)
        welcome = RedirectResponse("/", status_code=303)
        secure = request.url.scheme == "https"
        welcome.set_cookie(_cookie_name(request), self._cookie, httponly=True, samesite="strict", secure=secure)
        return welcome


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _cookie_name(request: Request) -> str:
    # Browsers keep cookies by host, whatever the port; two servers on one host must not log each other out.
    return f"flame_{request.url.port or request.url.scheme}"


async def _body(request: Request, limit: int) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            return b""
    return body


def _form_value(body: str, name: str) -> str:
    from urllib.parse import parse_qs

    return parse_qs(body, keep_blank_values=True).get(name, [""])[0].strip()
