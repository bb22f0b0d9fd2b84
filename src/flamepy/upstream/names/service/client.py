"""``flamepy.service.client``: requests to a service."""

from flamepy.upstream.conversations import Session

__all__ = ["Session"]
