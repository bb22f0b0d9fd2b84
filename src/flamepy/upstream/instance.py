"""The process of a service: what a Flame cluster asks it to do, over a Unix socket."""

from __future__ import annotations

import logging
import os
from abc import abstractmethod
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flamepy.upstream.vocabulary import FlameError, FlameErrorCode

if TYPE_CHECKING:
    from collections.abc import Callable

    from flamepy.wire.proto import instance_pb2, types_pb2

_log = logging.getLogger(__name__)

FLAME_INSTANCE_ENDPOINT = "FLAME_INSTANCE_ENDPOINT"
_NO_LIMIT = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))


@dataclass
class ApplicationContext:
    """The application that a session belongs to."""

    name: str
    image: str | None = None
    command: str | None = None
    working_directory: str | None = None
    url: str | None = None


@dataclass
class SessionContext:
    """The session that this process serves."""

    _common_data: bytes | None
    session_id: str
    application: ApplicationContext

    def common_data(self) -> bytes | None:
        """What the session's tasks have in common."""
        return self._common_data


@dataclass
class TaskContext:
    """One task."""

    task_id: str
    session_id: str
    input: bytes | None


class FlameService:
    """Base of services; what a method raises fails the session or task, with the text of the error."""

    @abstractmethod
    def on_session_enter(self, context: SessionContext) -> object:
        """Get ready for a session's tasks; called once."""

    @abstractmethod
    def on_task_invoke(self, context: TaskContext) -> bytes | None:
        """Run a task and return its output; one at a time."""

    @abstractmethod
    def on_session_leave(self) -> object:
        """Let go of the session; called once."""


class FlameInstanceServicer:
    """Answers the cluster's calls with a service's methods.

    Args:
        service: The service.
    """

    def __init__(self, service: FlameService) -> None:
        from flamepy.wire.proto import types_pb2

        self._service = service
        self._types = types_pb2

    def OnSessionEnter(self, request: instance_pb2.SessionContext, context: object) -> types_pb2.Result:
        """Enter a session."""
        return self._result(lambda: self._service.on_session_enter(_session(request)))

    def OnTaskInvoke(self, request: instance_pb2.TaskContext, context: object) -> types_pb2.TaskResult:
        """Run a task."""
        task = TaskContext(request.task_id, request.session_id, request.input if request.HasField("input") else None)
        try:
            output = self._service.on_task_invoke(task)
            return self._types.TaskResult(return_code=0, output=output)
        except Exception as error:  # noqa: BLE001 - the user's code; the client is told
            _log.exception("task %s failed", task.task_id)
            return self._types.TaskResult(return_code=-1, message=str(error) or type(error).__name__)

    def OnSessionLeave(self, request: types_pb2.EmptyRequest, context: object) -> types_pb2.Result:
        """Leave the session."""
        return self._result(self._service.on_session_leave)

    def _result(self, call: Callable[[], object]) -> types_pb2.Result:
        try:
            call()
        except Exception as error:  # noqa: BLE001 - the user's code; the cluster is told
            _log.exception("the session failed")
            return self._types.Result(return_code=-1, message=str(error) or type(error).__name__)
        return self._types.Result(return_code=0)


class FlameInstanceServer:
    """Serves a service on the socket that ``FLAME_INSTANCE_ENDPOINT`` names.

    Args:
        service: The service.
    """

    def __init__(self, service: FlameService) -> None:
        self._servicer = FlameInstanceServicer(service)
        self._server: Any = None

    def start(self) -> None:
        """Serve until the cluster ends this process.

        Raises:
            FlameError: The environment names no socket, or it cannot be had.
        """
        endpoint = os.environ.get(FLAME_INSTANCE_ENDPOINT)
        if not endpoint:
            raise FlameError(
                FlameErrorCode.INVALID_CONFIG,
                f"{FLAME_INSTANCE_ENDPOINT} is not set: this program is to be started by a Flame cluster",
            )
        self._server = self._listening(endpoint)
        self._server.wait_for_termination()

    def _listening(self, endpoint: str) -> Any:
        import grpc

        from flamepy.wire import instance

        calls: dict[Any, Callable[..., Any]] = {
            instance.ON_SESSION_ENTER: self._servicer.OnSessionEnter,
            instance.ON_TASK_INVOKE: self._servicer.OnTaskInvoke,
            instance.ON_SESSION_LEAVE: self._servicer.OnSessionLeave,
        }
        # Not those of flamepy.wire.rpc, which are for servers on an event loop.
        methods = {
            method.name: grpc.unary_unary_rpc_method_handler(
                call,
                request_deserializer=method.asked.FromString,
                response_serializer=method.told.SerializeToString,
            )
            for method, call in calls.items()
        }
        server = grpc.server(ThreadPoolExecutor(max_workers=2), options=_NO_LIMIT)
        service = instance.ON_SESSION_ENTER.service
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(service, methods)])
        try:
            server.add_insecure_port(f"unix:{endpoint}")
        except RuntimeError as error:
            raise FlameError(FlameErrorCode.INTERNAL, f"cannot listen at {endpoint}: {error}") from error
        server.start()
        return server

    def stop(self) -> None:
        """End the serving."""
        if self._server is not None:
            self._server.stop(grace=5)


def run(service: FlameService) -> None:
    """Serve a service until the cluster ends this process.

    Raises:
        FlameError: ``FLAME_INSTANCE_ENDPOINT`` is not set, or cannot be listened at.
    """
    FlameInstanceServer(service).start()


def _session(request: instance_pb2.SessionContext) -> SessionContext:
    sent = request.application
    application = ApplicationContext(
        name=sent.name,
        image=sent.image if sent.HasField("image") else None,
        command=sent.command if sent.HasField("command") else None,
        working_directory=sent.working_directory if sent.HasField("working_directory") else None,
        url=sent.url if sent.HasField("url") else None,
    )
    common_data = request.common_data if request.HasField("common_data") else None
    return SessionContext(common_data, request.session_id, application)
