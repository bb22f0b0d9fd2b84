"""``flamepy.proto.types_pb2``."""

from flamepy.wire.proto.types_pb2 import *  # noqa: F403
