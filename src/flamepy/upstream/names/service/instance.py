"""``flamepy.service.instance``: a service that is one function."""

from flamepy.upstream.entrypoint import FlameInstance

__all__ = ["FlameInstance"]
