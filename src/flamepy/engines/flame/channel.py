"""A connection to a Flame endpoint: where it is, its certificates and token, deadlines, retries, readable errors."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from flamepy.errors import EngineError, EngineUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, TypeVar

    import grpc
    from google.protobuf.message import Message

    from flamepy.context import FlameContext
    from flamepy.wire.rpc import Downstream, Unary

    Asked = TypeVar("Asked", bound=Message)
    Told = TypeVar("Told", bound=Message)

PORT = 8080
"""Port of an endpoint that names none."""

CONNECT_SECONDS = 5.0
"""Seconds in which an endpoint has to answer at all."""

CALL_SECONDS = 30.0
"""Seconds that one call may take, unless told otherwise."""

TRIES = 5
"""How often a call that changes nothing when repeated is tried again after a lost connection."""

MESSAGE_BYTES = 4 << 20
"""Bytes that a message of the protocol may have; servers and clients refuse larger ones."""

INSTALL = 'pip install "flamepy[flame]"'

OPTIONS = (
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.use_local_subchannel_pool", 1),
)
"""Of each channel: the peer bounds what it takes, so that receiving needs no bound of ours."""


class Address(NamedTuple):
    """Where and how to connect.

    Attributes:
        endpoint: The URL, for messages.
        target: ``host:port``.
        secure: Whether the connection is encrypted.
        ca_file: Certificates that the server's own is checked against; None for the system's.
        token: Sent with each call; None for none.

    Example:
        >>> Address.of_url("https://flame.example").target
        'flame.example:8080'
    """

    endpoint: str
    target: str
    secure: bool = False
    ca_file: str | None = None
    token: str | None = None

    @classmethod
    def of_url(cls, url: str, *, port: int = PORT, ca_file: str | None = None, token: str | None = None) -> Address:
        """Take a URL apart; ``https`` and ``grpcs`` are encrypted, ``http`` and ``grpc`` are not."""
        parts = urlsplit(url)
        host = parts.hostname or "localhost"
        host = f"[{host}]" if ":" in host else host
        secure = parts.scheme in {"https", "grpcs"}
        return cls(url, f"{host}:{parts.port or port}", secure, ca_file, token)

    @classmethod
    def of(cls, context: FlameContext) -> Address:
        """The session manager of a context."""
        ca_file = None if context.ca_file is None else str(context.ca_file)
        return cls.of_url(context.endpoint, ca_file=ca_file, token=context.token)

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What goes along with each call."""
        return (("authorization", f"Bearer {self.token}"),) if self.token else ()

    def __repr__(self) -> str:
        return f"Address({self.endpoint!r})"  # without the token


def require_grpc(endpoint: str) -> None:
    """Import grpc, which is an extra.

    Raises:
        EngineUnavailable: It is not installed.
    """
    try:
        import grpc  # noqa: F401
    except ImportError as error:
        raise EngineUnavailable(
            f"the endpoint {endpoint} is a Flame cluster, and this installation cannot speak to one ({error}): "
            f"run {INSTALL}",
            endpoint=endpoint,
        ) from error


def credentials(address: Address) -> grpc.ChannelCredentials:
    """The certificates that an encrypted connection is checked with.

    Raises:
        EngineUnavailable: The CA file cannot be read.
    """
    import grpc

    if address.ca_file is None:
        return grpc.ssl_channel_credentials()
    try:
        with open(address.ca_file, "rb") as file:
            return grpc.ssl_channel_credentials(root_certificates=file.read())
    except OSError as error:
        raise EngineUnavailable(
            f"cannot read the certificates in {address.ca_file}: {error.strerror}; "
            "correct tls.ca_file in flame.yaml or FLAME_CA_FILE",
            endpoint=address.endpoint,
        ) from error


class Channel:
    """A synchronous connection; several threads may use it.

    Args:
        address: Where to.
        connect_seconds: How long to wait until the endpoint answers.

    Raises:
        EngineUnavailable: Nobody answers there, or grpc is not installed.
    """

    def __init__(self, address: Address, *, connect_seconds: float = CONNECT_SECONDS) -> None:
        require_grpc(address.endpoint)
        import grpc

        self.address = address
        self._grpc = grpc
        self._methods: dict[str, Any] = {}
        if address.secure:
            self.grpc = grpc.secure_channel(address.target, credentials(address), OPTIONS)
        else:
            self.grpc = grpc.insecure_channel(address.target, OPTIONS)
        try:
            grpc.channel_ready_future(self.grpc).result(timeout=connect_seconds)
        except grpc.FutureTimeoutError:
            self.close()
            raise EngineUnavailable(no_answer(address, connect_seconds), endpoint=address.endpoint) from None
        except BaseException:
            self.close()
            raise

    def call(
        self, method: Unary[Asked, Told], request: Asked, *, timeout: float = CALL_SECONDS, repeatable: bool = False
    ) -> Told:
        """Make one call.

        Args:
            method: Of a table in `flamepy.wire`.
            request: Its message.
            timeout: Seconds that the call may take, all tries together.
            repeatable: Whether it may be tried again when the connection is lost: twice is as good as once.

        Raises:
            EngineUnavailable: Nobody answers.
            EngineError: The server refuses; ``code`` is the status' name.
        """
        bound = self._bound(method)
        deadline = time.monotonic() + timeout
        waits = False
        for tries_left in range(TRIES, -1, -1):
            left = max(0.001, deadline - time.monotonic())
            try:
                answer: Told = bound(request, timeout=left, metadata=self.address.metadata, wait_for_ready=waits)
            except self._grpc.RpcError as error:
                # From the second try on gRPC connects anew, with growing pauses, and the call waits for that.
                waits = repeatable and error.code() is self._grpc.StatusCode.UNAVAILABLE
                if not (waits and tries_left and time.monotonic() < deadline):
                    raise explained(error, self.address, method.name) from error
            else:
                return answer
        raise AssertionError("unreachable")

    def stream(
        self, method: Downstream[Asked, Told], request: Asked, *, timeout: float | None = None
    ) -> Iterator[Told]:
        """Make a call that is answered with several messages.

        Args:
            method: Of a table in `flamepy.wire`.
            request: Its message.
            timeout: Seconds until its end; None for no limit.

        Raises:
            EngineUnavailable: Nobody answers, or the connection is lost.
            EngineError: The server refuses; ``code`` is the status' name.
        """
        answers = self._bound(method)(request, timeout=timeout, metadata=self.address.metadata)
        try:
            yield from answers
        except self._grpc.RpcError as error:
            raise explained(error, self.address, method.name) from error
        finally:
            answers.cancel()

    def _bound(self, method: Any) -> Any:
        bound = self._methods.get(method.path)
        if bound is None:
            bound = self._methods[method.path] = method.on(self.grpc)
        return bound

    def close(self) -> None:
        """Close the connection; idempotent."""
        self.grpc.close()


def no_answer(address: Address, seconds: float) -> str:
    """The message for an endpoint that does not answer."""
    secure = " with TLS" if address.secure else ""
    return (
        f"nobody answers at {address.endpoint} ({address.target}{secure}, waited {seconds:g} s): start the server "
        "(flame-session-manager), or correct 'endpoint' in flame.yaml or FLAME_ENDPOINT; "
        "where nobody wants a cluster, local:// runs on this machine"
    )


def explained(error: Any, address: Address, what: str) -> EngineError:
    """An error of ours for one of gRPC's: what was asked, of whom, what came back, what to do."""
    code = error.code().name
    text = error.details() or code
    kind = EngineUnavailable if code == "UNAVAILABLE" else EngineError
    message = f"{address.endpoint} does not do {what}: {text} ({code}){_ADVICE.get(code, '')}"
    return kind(message, endpoint=address.endpoint, code=code, method=what, details=text)


_ADVICE = {
    "UNAVAILABLE": "; the server is gone or cannot be reached: see that it runs, then try again",
    "UNAUTHENTICATED": "; set 'token' of the cluster in flame.yaml, or FLAME_TOKEN",
    "PERMISSION_DENIED": "; set 'token' of the cluster in flame.yaml, or FLAME_TOKEN",
    "DEADLINE_EXCEEDED": "; it took too long: see what the server is busy with",
    "UNIMPLEMENTED": "; the server does not know this call: it is no Flame session manager, or another version",
    "RESOURCE_EXHAUSTED": "; a message was too large: pass large values by runner.put()",
    "OUT_OF_RANGE": "; a message was too large: pass large values by runner.put()",
}
