"""Serve the page inside an event loop that belongs to somebody else."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING

import uvicorn

from flamepy.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from ssl import SSLContext

    from starlette.types import ASGIApp

_BACKLOG = 256
_GRACE_SECONDS = 2


class _Quiet(uvicorn.Server):
    """uvicorn without signal handlers: when to stop is decided by whoever owns the loop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class WebServer:
    """The page on a port of its own.

    Args:
        app: What `flamepy.dashboard.app.create_app` gave.
        host: The address to listen on.
        port: Its port; 0 for any that is free.
        ssl: Certificate and key, for https; None for http.

    Example:
        >>> web = WebServer(app, host="127.0.0.1", port=8082)  # doctest: +SKIP
        >>> await web.start()  # doctest: +SKIP
    """

    def __init__(self, app: ASGIApp, *, host: str, port: int, ssl: SSLContext | None = None) -> None:
        self._host = host
        self._port = port
        self._ssl = ssl
        config = uvicorn.Config(
            app,
            http="h11",
            ws="none",
            loop="none",
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
        config.load()
        config.ssl = ssl
        self._server = _Quiet(config)
        self._task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where the page is; known after `start`."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{'https' if self._ssl else 'http'}://{host}:{self._port}"

    async def start(self) -> None:
        """Listen, and return as soon as the page can be asked for.

        Raises:
            EngineError: The address is taken or not ours.
        """
        listener = self._listen()
        self._task = asyncio.create_task(self._server.serve(sockets=[listener]), name="flame-web")

    async def stop(self) -> None:
        """Finish what is being answered, for two seconds at most, and stop listening."""
        if self._task is not None:
            self._server.should_exit = True
            await self._task
            self._task = None

    def _listen(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((self._host, self._port))
            listener.listen(_BACKLOG)
        except OSError as error:
            listener.close()
            raise EngineError(
                f"the web page cannot listen on {self._host}:{self._port}: {error.strerror or error}; "
                "choose another address for it, or start without it (--no-web)"
            ) from error
        listener.setblocking(False)
        self._port = listener.getsockname()[1]
        return listener
