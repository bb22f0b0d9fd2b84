from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class CloseRequest(_message.Message):
    __slots__ = ("session",)
    SESSION_FIELD_NUMBER: _ClassVar[int]
    session: str
    def __init__(self, session: _Optional[str] = ...) -> None: ...

class CancelRequest(_message.Message):
    __slots__ = ("session", "task")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    session: str
    task: str
    def __init__(self, session: _Optional[str] = ..., task: _Optional[str] = ...) -> None: ...

class Done(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class LogRequest(_message.Message):
    __slots__ = ("session", "task", "start")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    session: str
    task: str
    start: int
    def __init__(self, session: _Optional[str] = ..., task: _Optional[str] = ..., start: _Optional[int] = ...) -> None: ...

class LogReply(_message.Message):
    __slots__ = ("lines", "next", "complete")
    LINES_FIELD_NUMBER: _ClassVar[int]
    NEXT_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    lines: _containers.RepeatedScalarFieldContainer[str]
    next: int
    complete: bool
    def __init__(self, lines: _Optional[_Iterable[str]] = ..., next: _Optional[int] = ..., complete: bool = ...) -> None: ...

class TasksRequest(_message.Message):
    __slots__ = ("session",)
    SESSION_FIELD_NUMBER: _ClassVar[int]
    session: str
    def __init__(self, session: _Optional[str] = ...) -> None: ...

class Task(_message.Message):
    __slots__ = ("id", "state", "executor", "created", "started", "ended", "message")
    ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    EXECUTOR_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    ENDED_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    id: str
    state: str
    executor: str
    created: int
    started: int
    ended: int
    message: str
    def __init__(self, id: _Optional[str] = ..., state: _Optional[str] = ..., executor: _Optional[str] = ..., created: _Optional[int] = ..., started: _Optional[int] = ..., ended: _Optional[int] = ..., message: _Optional[str] = ...) -> None: ...
