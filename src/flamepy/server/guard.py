"""Who may ask: the token."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

KEY = "authorization"


def is_allowed(metadata: Any, token: str) -> bool:
    """Whether the metadata of a request names the token; takes as long for any wrong one.

    Example:
        >>> is_allowed([("authorization", "Bearer s3cret")], "s3cret")
        True
    """
    said = next((value for key, value in metadata or () if key == KEY), "")
    data = said if isinstance(said, bytes) else said.encode(errors="replace")
    return hmac.compare_digest(data, f"Bearer {token}".encode())


class TokenGuard(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]
    """Answers everything that comes without the token with UNAUTHENTICATED, whatever was asked for.

    Args:
        token: What a request must have as ``authorization: Bearer <token>``.
    """

    def __init__(self, token: str) -> None:
        self._token = token
        self._refusal = grpc.stream_stream_rpc_method_handler(_refuse)

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any]]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any]:
        """Let a request through, or refuse it before anybody looks at it."""
        if is_allowed(handler_call_details.invocation_metadata, self._token):
            return await continuation(handler_call_details)
        return self._refusal


async def _refuse(_: Any, context: Any) -> Any:
    await context.abort(grpc.StatusCode.UNAUTHENTICATED, "the request has no valid token")
    yield b""
