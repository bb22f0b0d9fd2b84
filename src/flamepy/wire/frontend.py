"""The methods of ``flame.v1.Frontend``: what a session manager offers its clients."""

from __future__ import annotations

from flamepy.wire.proto import frontend_pb2 as asked
from flamepy.wire.proto import types_pb2 as types
from flamepy.wire.rpc import Downstream, Unary

_AT = "/flame.v1.Frontend/"

REGISTER_APPLICATION = Unary(f"{_AT}RegisterApplication", asked.RegisterApplicationRequest, types.Result)
UNREGISTER_APPLICATION = Unary(f"{_AT}UnregisterApplication", asked.UnregisterApplicationRequest, types.Result)
UPDATE_APPLICATION = Unary(f"{_AT}UpdateApplication", asked.UpdateApplicationRequest, types.Result)
GET_APPLICATION = Unary(f"{_AT}GetApplication", asked.GetApplicationRequest, types.Application)
LIST_APPLICATION = Unary(f"{_AT}ListApplication", asked.ListApplicationRequest, types.ApplicationList)
LIST_EXECUTOR = Unary(f"{_AT}ListExecutor", asked.ListExecutorRequest, types.ExecutorList)
LIST_NODES = Unary(f"{_AT}ListNodes", asked.ListNodesRequest, types.NodeList)
GET_NODE = Unary(f"{_AT}GetNode", asked.GetNodeRequest, asked.GetNodeResponse)
CREATE_SESSION = Unary(f"{_AT}CreateSession", asked.CreateSessionRequest, types.Session)
DELETE_SESSION = Unary(f"{_AT}DeleteSession", asked.DeleteSessionRequest, types.Session)
OPEN_SESSION = Unary(f"{_AT}OpenSession", asked.OpenSessionRequest, types.Session)
CLOSE_SESSION = Unary(f"{_AT}CloseSession", asked.CloseSessionRequest, types.Session)
GET_SESSION = Unary(f"{_AT}GetSession", asked.GetSessionRequest, types.Session)
LIST_SESSION = Unary(f"{_AT}ListSession", asked.ListSessionRequest, types.SessionList)
CREATE_TASK = Unary(f"{_AT}CreateTask", asked.CreateTaskRequest, types.Task)
GET_TASK = Unary(f"{_AT}GetTask", asked.GetTaskRequest, types.Task)
WATCH_TASK = Downstream(f"{_AT}WatchTask", asked.WatchTaskRequest, types.Task)
LIST_TASK = Downstream(f"{_AT}ListTask", asked.ListTaskRequest, types.Task)
