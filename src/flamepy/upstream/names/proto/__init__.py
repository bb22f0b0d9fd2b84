"""``flamepy.proto``: the protocol's messages."""

from flamepy.wire.proto import frontend_pb2, types_pb2

__all__ = ["frontend_pb2", "types_pb2"]
