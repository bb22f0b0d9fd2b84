"""What the page's scripts ask for: JSON, pictures, and the two commands."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from flamepy.dashboard.timeline import draw
from flamepy.errors import EngineError
from flamepy.model.lifecycle import SessionState

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from starlette.requests import Request

    from flamepy.dashboard.source import Source
    from flamepy.model.snapshot import SessionRecord, Snapshot

    Answer = Callable[[Request], Awaitable[Response]]

SNAPSHOT_SECONDS = 0.25
"""For how long one snapshot serves everybody who looks."""

MOST_ROWS = 1000
MOST_DRAWN = 10_000
"""Tasks in one timeline, the newest."""

PICTURES_KEPT = 64
"""Timelines of sessions in which nothing happens any more."""

_TASK_COUNTS = ("pending", "running", "succeed", "failed", "cancelled")
_LARGEST_COMMAND = 16_384


class Refused(Exception):
    """The request itself is wrong.

    Args:
        message: What is wrong with it.
        status: The HTTP status.
    """

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class Api:
    """The JSON half of the page.

    Args:
        source: The server.

    Example:
        >>> Starlette(routes=Api(source).routes())  # doctest: +SKIP
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._snapshots = Snapshots(source)
        self._pictures: dict[tuple[str, int], tuple[SessionRecord, bytes]] = {}

    def routes(self) -> list[Route]:
        """Return the routes below ``/api``."""
        reading = {
            "overview": self.overview,
            "sessions": self.sessions,
            "session": self.session,
            "tasks": self.tasks,
            "task": self.task,
            "log": self.log,
            "timeline": self.timeline,
        }
        commands = {"close": self.close, "cancel": self.cancel}
        return [
            *(Route(f"/api/{name}", _answering(answer)) for name, answer in reading.items()),
            *(Route(f"/api/{name}", _answering(answer), methods=["POST"]) for name, answer in commands.items()),
        ]

    async def overview(self, request: Request) -> Response:
        """Counts, applications, executors and nodes."""
        shown = await self._snapshots.now()
        return _tagged(
            request,
            {
                "engine": shown.engine,
                "endpoint": shown.endpoint,
                "created": shown.created,
                "sessions": Counter(each.state for each in shown.sessions),
                "tasks": {name: sum(getattr(each, name) for each in shown.sessions) for name in _TASK_COUNTS},
                "executor_states": Counter(each.state for each in shown.executors),
                "applications": _applications(shown),
                "executors": [each._asdict() for each in shown.executors[:MOST_ROWS]],
                "nodes": [each._asdict() for each in shown.nodes],
            },
        )

    async def sessions(self, request: Request) -> Response:
        """Sessions, open ones first, each the newest first; filtered by state and by words."""
        state, words = request.query_params.get("state", ""), request.query_params.get("q", "").lower().split()
        found = [each for each in (await self._snapshots.now()).sessions if not state or each.state == state]
        found = [each for each in found if all(word in _haystack(each) for word in words)]
        found.sort(key=lambda each: (each.state != SessionState.OPEN.value, -each.created))
        start, limit = _window(request)
        rows = [_session(each) for each in found[start : start + limit]]
        return _tagged(request, {"total": len(found), "sessions": rows})

    async def session(self, request: Request) -> Response:
        """One session with its events and executors."""
        wanted = _required(request, "session")
        record = await self._record(wanted)
        shown = await self._snapshots.now()
        events = await self._source.events(wanted)
        return _tagged(
            request,
            {
                "session": _session(record),
                "events": [each._asdict() for each in events],
                "executors": [each._asdict() for each in shown.executors if each.session == wanted],
            },
        )

    async def tasks(self, request: Request) -> Response:
        """Some tasks of a session, without the rest of their messages."""
        start, limit = _window(request)
        states = [each for each in request.query_params.get("state", "").split(",") if each]
        page = await self._source.tasks(_required(request, "session"), states=states, offset=start, limit=limit)
        rows = [{**each._asdict(), "message": _last_line(each.message)} for each in page.tasks]
        return _tagged(request, {"total": page.total, "tasks": rows})

    async def task(self, request: Request) -> Response:
        """One task in full."""
        session, task = _required(request, "session"), _required(request, "task")
        record = await self._source.task(session, task)
        events = await self._source.events(session, task)
        return _tagged(request, {"task": record._asdict(), "events": [each._asdict() for each in events]})

    async def log(self, request: Request) -> Response:
        """A part of a session's or a task's log."""
        task = request.query_params.get("task")
        part = await self._source.log(_required(request, "session"), task, start=_number(request, "start", 0))
        return _tagged(request, {"lines": list(part.lines), "next": part.next})

    async def timeline(self, request: Request) -> Response:
        """The picture of a session."""
        wanted = _required(request, "session")
        width = max(280, min(2000, _number(request, "width", 960)))
        record = await self._record(wanted)
        known = self._pictures.get((wanted, width))
        if known is None or known[0] != record or record.running or record.pending:
            page = await self._source.tasks(wanted, limit=MOST_DRAWN)
            picture = await asyncio.to_thread(draw, page.tasks, total=page.total, now=time.time(), width=width)
            known = (record, picture.encode())
            self._pictures.pop((wanted, width), None)
            self._pictures[wanted, width] = known
            if len(self._pictures) > PICTURES_KEPT:
                del self._pictures[next(iter(self._pictures))]
        return _with_tag(request, known[1], "image/svg+xml")

    async def _record(self, session: str) -> SessionRecord:
        for each in (await self._snapshots.now()).sessions:
            if each.id == session:
                return each
        raise Refused(f"there is no session {session!r}", 404)

    async def close(self, request: Request) -> Response:
        """Close a session."""
        command = await _command(request, "session")
        await self._source.close_session(command["session"])
        self._snapshots.forget()
        return JSONResponse({"done": f"Session {command['session']} was closed."})

    async def cancel(self, request: Request) -> Response:
        """Cancel a task."""
        command = await _command(request, "session", "task")
        await self._source.cancel_task(command["session"], command["task"])
        self._snapshots.forget()
        return JSONResponse({"done": f"Task {command['task']} was cancelled."})


class Snapshots:
    """The newest snapshot, taken once for all who ask within a moment.

    Args:
        source: The server.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._taken = 0.0
        self._shown: Snapshot | None = None

    async def now(self) -> Snapshot:
        """Return a snapshot that is not older than `SNAPSHOT_SECONDS`."""
        if self._shown is None or time.monotonic() - self._taken > SNAPSHOT_SECONDS:
            self._shown = await self._source.snapshot()
            self._taken = time.monotonic()
        return self._shown

    def forget(self) -> None:
        """Take a new one next time: something has changed."""
        self._shown = None


def _answering(answer: Answer) -> Answer:
    async def answered(request: Request) -> Response:
        try:
            return await answer(request)
        except Refused as error:
            return JSONResponse({"error": str(error)}, status_code=error.status)
        except EngineError as error:
            return JSONResponse({"error": str(error)}, status_code=409 if request.method == "POST" else 404)

    return answered


def _tagged(request: Request, data: dict[str, Any]) -> Response:
    body = json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")
    return _with_tag(request, body, "application/json")


def _with_tag(request: Request, body: bytes, media_type: str) -> Response:
    """Return the body, or "not modified" to those who have it."""
    # The middleware that compresses makes other bytes of it: a weak tag.
    tag = f'W/"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache", "X-Flame-Time": f"{time.time():.3f}"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=media_type, headers=headers)


def _applications(shown: Snapshot) -> list[dict[str, Any]]:
    open_sessions = Counter(each.application for each in shown.sessions if each.state == SessionState.OPEN.value)
    return [
        {
            **each._asdict(),
            "environments": sorted(name for name, _ in each.environments),
            "open": open_sessions[each.name],
        }
        for each in sorted(shown.applications, key=lambda each: each.name)
    ]


def _session(record: SessionRecord) -> dict[str, Any]:
    # Where the log lies on the server's disk is nobody's business in a browser.
    return {name: value for name, value in record._asdict().items() if name != "log_path"}


def _haystack(record: SessionRecord) -> str:
    return f"{record.id} {record.name} {record.application} {record.runner}".lower()


def _last_line(text: str) -> str:
    lines: Iterable[str] = (line.strip() for line in reversed(text.splitlines()))
    return next((line for line in lines if line), "")[:300]


def _window(request: Request) -> tuple[int, int]:
    return max(0, _number(request, "offset", 0)), max(0, min(MOST_ROWS, _number(request, "limit", 100)))


def _required(request: Request, name: str) -> str:
    value = request.query_params.get(name)
    if value is None:
        raise Refused(f"the address lacks ?{name}=")
    return value


def _number(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name)
    try:
        return default if text is None else max(-(1 << 62), min(1 << 62, int(text)))
    except ValueError:
        raise Refused(f"{name} must be a whole number, not {text[:40]!r}" if text else f"{name} is empty") from None


async def _command(request: Request, *names: str) -> dict[str, str]:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST_COMMAND:
            raise Refused("the command is too long", 413)
    try:
        given = json.loads(body)
    except ValueError as error:
        raise Refused(f"the command is no JSON: {error}") from None
    if not isinstance(given, dict) or not all(isinstance(given.get(name), str) for name in names):
        raise Refused(f"the command must be an object with {' and '.join(names)} as text")
    return {name: given[name] for name in names}
