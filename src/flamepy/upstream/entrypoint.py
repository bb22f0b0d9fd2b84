"""FlameInstance: a service that is one function with a context."""

from __future__ import annotations

import asyncio
import inspect
import os
from typing import TYPE_CHECKING, Any, TypeVar

from flamepy.serialization import plain
from flamepy.upstream.instance import FLAME_INSTANCE_ENDPOINT, FlameService, SessionContext, TaskContext, run
from flamepy.upstream.objects import ObjectRef, get_object, update_object

if TYPE_CHECKING:
    from collections.abc import Callable

    Function = TypeVar("Function", bound=Callable[..., Any])

DEBUG_ADDRESS = ("127.0.0.1", 5050)


class FlameInstance(FlameService):
    """A service whose tasks are calls of one function; requests, answers and the context are pickled.

    Example:
        >>> instance = FlameInstance()
        >>> @instance.entrypoint
        ... def greet(name: str) -> str:
        ...     return f"{instance.context() or 'Hello'}, {name}"
        >>> instance.run()  # doctest: +SKIP
    """

    def __init__(self) -> None:
        self._entrypoint: Callable[..., Any] | None = None
        self._takes_request = False
        self._context: ObjectRef | None = None

    def entrypoint(self, func: Function) -> Function:
        """Mark the function that runs the tasks; it takes the request, or nothing.

        Raises:
            TypeError: It takes more.
        """
        parameters = list(inspect.signature(func).parameters.values())
        if len(parameters) > 1 or any(each.kind is not each.POSITIONAL_OR_KEYWORD for each in parameters):
            raise TypeError(f"an entrypoint takes the request or nothing; '{func.__name__}' takes other arguments")
        self._entrypoint = func
        self._takes_request = bool(parameters)
        return func

    def context(self) -> Any:
        """Return the session's context, as it is now; None if it has none."""
        return None if self._context is None else plain.loads(get_object(self._context))

    def update_context(self, data: Any) -> None:
        """Replace the session's context, for the client and for later tasks."""
        if self._context is not None:
            self._context = update_object(self._context, plain.dumps(data))

    def run(self) -> None:
        """Serve the cluster that started this program; started by hand, serve HTTP requests on port 5050 instead."""
        if os.environ.get(FLAME_INSTANCE_ENDPOINT):
            run(self)
        else:
            self._debug()

    def on_session_enter(self, context: SessionContext) -> None:
        """See `FlameService`."""
        common_data = context.common_data()
        self._context = None if common_data is None else ObjectRef.decode(common_data)

    def on_task_invoke(self, context: TaskContext) -> bytes | None:
        """See `FlameService`."""
        if self._entrypoint is None:
            return None
        request = None if context.input is None else plain.loads(context.input)
        answer = self._answer(request)
        return None if answer is None else plain.dumps(answer)

    def on_session_leave(self) -> None:
        """See `FlameService`."""
        self._context = None

    def _answer(self, request: Any) -> Any:
        assert self._entrypoint is not None
        answer = self._entrypoint(request) if self._takes_request else self._entrypoint()
        return asyncio.run(answer) if inspect.iscoroutine(answer) else answer

    def _debug(self) -> None:
        """Answer POST requests whose body is a pickled request; for the hand of a developer, on this machine only."""
        from http.server import BaseHTTPRequestHandler, HTTPServer

        instance = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                output = instance.on_task_invoke(TaskContext("0", "0", body or None)) or b""
                self.send_response(200)
                self.send_header("Content-Length", str(len(output)))
                self.end_headers()
                self.wfile.write(output)

        with HTTPServer(DEBUG_ADDRESS, Handler) as server:
            server.serve_forever()
