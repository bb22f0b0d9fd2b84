"""The client of the Frontend service, against a real gRPC server."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from flamepy import FlameContext
from flamepy.engines.flame.channel import Address, Channel
from flamepy.engines.flame.frontend import Frontend
from flamepy.errors import EngineError, EngineUnavailable
from flamepy.wire import frontend as methods
from flamepy.wire.proto import types_pb2 as types
from flamepy.wire.rpc import Method

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def refuse(code: grpc.StatusCode, text: str) -> Callable[..., Any]:
    def answer(_request: Any, context: Any) -> Any:
        context.abort(code, text)

    return answer


class Answers:
    """A server with an answer for each method."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any, dict[str, Any]]] = []
        self.answers: dict[str, Callable[..., Any]] = {}
        self.server: Any = None
        self.port = 0

    def start(self, port: int = 0) -> None:
        self.server = grpc.server(ThreadPoolExecutor(4))
        handlers: dict[str, Any] = {}
        for method in vars(methods).values():
            if isinstance(method, Method):
                make = getattr(grpc, f"{method.kind}_rpc_method_handler")
                handlers[method.name] = make(
                    self._behaviour(method),
                    request_deserializer=method.asked.FromString,
                    response_serializer=method.told.SerializeToString,
                )
        self.server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("flame.v1.Frontend", handlers)])
        self.port = self.server.add_insecure_port(f"127.0.0.1:{port}")
        self.server.start()

    def _behaviour(self, method: Any) -> Callable[..., Any]:
        def behave(request: Any, context: Any) -> Any:
            self.calls.append((method.name, request, dict(context.invocation_metadata())))
            answer = self.answers.get(method.name)
            default = iter([method.told()]) if method.kind == "unary_stream" else method.told()
            return default if answer is None else answer(request, context)

        return behave


@pytest.fixture
def server() -> Iterator[Answers]:
    answers = Answers()
    answers.start()
    yield answers
    answers.server.stop(None).wait()


@pytest.fixture
def frontend(server: Answers) -> Iterator[Frontend]:
    with Frontend.connect(FlameContext(endpoint=f"http://127.0.0.1:{server.port}", token="s3cret")) as connected:
        yield connected


def test_every_method_is_called_and_typed(frontend: Frontend, server: Answers):
    frontend.register_application("a", types.ApplicationSpec(command="c"))
    frontend.update_application("a", types.ApplicationSpec())
    frontend.unregister_application("a")
    assert isinstance(frontend.get_application("a"), types.Application)
    assert frontend.list_applications() == []
    assert frontend.list_executors() == []
    assert frontend.list_nodes() == []
    assert isinstance(frontend.get_node("n"), types.Node)
    assert isinstance(frontend.create_session("s", types.SessionSpec()), types.Session)
    assert isinstance(frontend.open_session("s"), types.Session)
    assert isinstance(frontend.close_session("s"), types.Session)
    assert isinstance(frontend.delete_session("s"), types.Session)
    assert isinstance(frontend.get_session("s"), types.Session)
    assert frontend.list_sessions() == []
    assert isinstance(frontend.create_task("s", b"input"), types.Task)
    assert isinstance(frontend.get_task("s", "1"), types.Task)
    assert list(frontend.watch_task("s", "1")) == [types.Task()]
    assert list(frontend.list_tasks("s")) == [types.Task()]
    names = [method.name for method in vars(methods).values() if isinstance(method, Method)]
    assert sorted(name for name, _, _ in server.calls) == sorted(names)
    assert not server.calls[9][1].HasField("session")  # open without a specification
    assert server.calls[14][1].task.input == b"input"


def test_the_token_goes_along_and_is_not_shown(frontend: Frontend, server: Answers):
    frontend.list_nodes()
    assert server.calls[0][2]["authorization"] == "Bearer s3cret"
    assert "s3cret" not in repr(frontend.channel.address)


def test_a_refusal_names_endpoint_call_and_status(frontend: Frontend, server: Answers):
    server.answers["GetSession"] = refuse(grpc.StatusCode.NOT_FOUND, "session x not found")
    with pytest.raises(
        EngineError, match=r"http://127.* does not do GetSession: session x not found \(NOT_FOUND\)"
    ) as e:
        frontend.get_session("x")
    assert e.value.code == "NOT_FOUND"


def test_a_refusal_inside_an_answer_is_an_error(frontend: Frontend, server: Answers):
    server.answers["RegisterApplication"] = lambda *_: types.Result(return_code=-1, message="exists")
    with pytest.raises(EngineError, match="register application 'a': exists"):
        frontend.register_application("a", types.ApplicationSpec())


def test_a_missing_token_says_where_to_put_it(frontend: Frontend, server: Answers):
    server.answers["ListNodes"] = refuse(grpc.StatusCode.UNAUTHENTICATED, "no")
    with pytest.raises(EngineError, match="FLAME_TOKEN"):
        frontend.list_nodes()


def test_nobody_there_is_an_error_within_seconds():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(EngineUnavailable, match=f"nobody answers at {endpoint}.*flame-session-manager"):
            Channel(Address.of_url(endpoint), connect_seconds=0.5)


def test_questions_are_repeated_until_the_server_is_back(frontend: Frontend, server: Answers):
    frontend.list_nodes()
    server.server.stop(None).wait()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(frontend.list_sessions)
        server.start(server.port)
        assert asked.result(20) == []


def test_a_submission_is_not_repeated(frontend: Frontend, server: Answers):
    server.answers["CreateTask"] = refuse(grpc.StatusCode.UNAVAILABLE, "going down")
    with pytest.raises(EngineUnavailable, match="the server is gone"):
        frontend.create_task("s")
    assert len(server.calls) == 1


@pytest.mark.parametrize(
    ("url", "target", "secure"),
    [
        ("http://host", "host:8080", False),
        ("https://host:443", "host:443", True),
        ("grpc://10.0.0.1:9", "10.0.0.1:9", False),
        ("grpcs://[::1]:9", "[::1]:9", True),
    ],
)
def test_addresses(url: str, target: str, secure: bool):
    address = Address.of_url(url)
    assert (address.target, address.secure) == (target, secure)


def test_a_missing_ca_file_is_named():
    with pytest.raises(EngineUnavailable, match=r"/none\.pem"):
        Channel(Address.of_url("https://localhost:1", ca_file="/none.pem"))
