"""The methods of ``flamepy.Desk``: what ``flmctl`` asks of our server beside ``flame.v1``.

A server that does not know them answers UNIMPLEMENTED.
"""

from __future__ import annotations

from flamepy.wire.proto import desk_pb2 as messages
from flamepy.wire.rpc import Downstream, Unary

_AT = "/flamepy.Desk/"

CLOSE_SESSION = Unary(f"{_AT}CloseSession", messages.CloseRequest, messages.Done)
CANCEL_TASK = Unary(f"{_AT}CancelTask", messages.CancelRequest, messages.Done)
READ_LOG = Unary(f"{_AT}ReadLog", messages.LogRequest, messages.LogReply)
LIST_TASKS = Downstream(f"{_AT}ListTasks", messages.TasksRequest, messages.Task)
