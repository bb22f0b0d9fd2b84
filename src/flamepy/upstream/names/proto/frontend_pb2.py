"""``flamepy.proto.frontend_pb2``."""

from flamepy.wire.proto.frontend_pb2 import *  # noqa: F403
