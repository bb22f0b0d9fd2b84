"""The methods of ``grpc.health.v1.Health``, which probes of orchestrators know."""

from __future__ import annotations

from flamepy.wire.proto import health_pb2 as messages
from flamepy.wire.rpc import Downstream, Unary

CHECK = Unary("/grpc.health.v1.Health/Check", messages.HealthCheckRequest, messages.HealthCheckResponse)
WATCH = Downstream("/grpc.health.v1.Health/Watch", messages.HealthCheckRequest, messages.HealthCheckResponse)
