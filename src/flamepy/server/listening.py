"""The gRPC server: its options, its port, its certificate, its guard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio

from flamepy.errors import ConfigError, EngineUnavailable
from flamepy.server.config import DEFAULT_PORT, address
from flamepy.server.guard import TokenGuard
from flamepy.wire.rpc import handlers

if TYPE_CHECKING:
    from flamepy.server.config import Config
    from flamepy.wire.rpc import Served

_OPTIONS = (
    ("grpc.so_reuseport", 0),  # a second server on the port is an error, not a lottery
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.keepalive_time_ms", 60_000),  # so that the end of a client's machine is seen, too
    ("grpc.keepalive_timeout_ms", 30_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.http2.max_ping_strikes", 0),
    # flmping opens a stream for each of its tasks at once; gRPC would cancel what is above 1000.
    ("grpc.server.max_pending_requests", 1 << 20),
    ("grpc.server.max_pending_requests_hard_limit", 1 << 20),
)


async def listen(config: Config, served: list[Served]) -> tuple[grpc.aio.Server, int]:
    """Start to serve.

    Args:
        config: Where, with which certificate, for whom.
        served: The methods.

    Returns:
        The server and its port.

    Raises:
        EngineUnavailable: The address cannot be had.
        ConfigError: The certificate cannot be read.
    """
    guards = [TokenGuard(config.token)] if config.token else []
    server = grpc.aio.server(options=_OPTIONS, interceptors=guards)
    server.add_generic_rpc_handlers(handlers(served))
    host, port = address(config.endpoint, DEFAULT_PORT)
    where = f"{host}:{port}"
    try:
        credentials = _credentials(config)
        port = server.add_insecure_port(where) if credentials is None else server.add_secure_port(where, credentials)
    except RuntimeError as error:
        raise EngineUnavailable(
            f"the server cannot listen on {where}: does another program use the port? "
            "Choose another one with --endpoint http://127.0.0.1:PORT"
        ) from error
    await server.start()
    return server, port


def _credentials(config: Config) -> Any:
    if config.tls is None:
        return None
    try:
        key, chain = config.tls.key_file.read_bytes(), config.tls.cert_file.read_bytes()
    except OSError as error:
        raise ConfigError(f"cluster.tls: {error.filename} cannot be read: {error.strerror}") from error
    return grpc.ssl_server_credentials([(key, chain)])
