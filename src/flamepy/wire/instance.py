"""The methods of ``flame.v1.Instance``: what a service's process offers the executor, on a Unix socket."""

from __future__ import annotations

from flamepy.wire.proto import instance_pb2 as asked
from flamepy.wire.proto import types_pb2 as types
from flamepy.wire.rpc import Unary

ON_SESSION_ENTER = Unary("/flame.v1.Instance/OnSessionEnter", asked.SessionContext, types.Result)
ON_TASK_INVOKE = Unary("/flame.v1.Instance/OnTaskInvoke", asked.TaskContext, types.TaskResult)
ON_SESSION_LEAVE = Unary("/flame.v1.Instance/OnSessionLeave", types.EmptyRequest, types.Result)
