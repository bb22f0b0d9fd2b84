"""A running server, shared by the tests of a process, and a channel to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest

pytest.importorskip("grpc")

import grpc
from servers import ServerProcess

from flamepy.wire import frontend
from flamepy.wire.proto import frontend_pb2 as asked
from flamepy.wire.proto import types_pb2 as types


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="session")
def channel(server: ServerProcess) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(server.target) as channel:
        yield channel


@pytest.fixture
def new_session(channel: grpc.Channel) -> Iterator[Callable[..., str]]:
    """Open sessions; they are closed afterwards, as far as that is possible."""
    opened: list[str] = []

    def opener(application: str = "flmping", **spec: object) -> str:
        name = f"{application}-{uuid4().hex[:6]}"
        request = asked.CreateSessionRequest(
            session_id=name, session=types.SessionSpec(application=application, **spec)
        )
        frontend.CREATE_SESSION.on(channel)(request)
        opened.append(name)
        return name

    yield opener
    for name in opened:
        try:
            frontend.CLOSE_SESSION.on(channel)(asked.CloseSessionRequest(session_id=name))
        except grpc.RpcError:
            pass
