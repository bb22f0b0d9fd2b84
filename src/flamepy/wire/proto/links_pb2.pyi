from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ProbeRequest(_message.Message):
    __slots__ = ("flamepy", "python", "protocol")
    FLAMEPY_FIELD_NUMBER: _ClassVar[int]
    PYTHON_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    flamepy: str
    python: str
    protocol: int
    def __init__(self, flamepy: _Optional[str] = ..., python: _Optional[str] = ..., protocol: _Optional[int] = ...) -> None: ...

class ProbeReply(_message.Message):
    __slots__ = ("flamepy", "python", "protocol", "server", "carries", "pythons", "node", "refusal")
    FLAMEPY_FIELD_NUMBER: _ClassVar[int]
    PYTHON_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    SERVER_FIELD_NUMBER: _ClassVar[int]
    CARRIES_FIELD_NUMBER: _ClassVar[int]
    PYTHONS_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    flamepy: str
    python: str
    protocol: int
    server: str
    carries: bool
    pythons: _containers.RepeatedScalarFieldContainer[str]
    node: str
    refusal: str
    def __init__(self, flamepy: _Optional[str] = ..., python: _Optional[str] = ..., protocol: _Optional[int] = ..., server: _Optional[str] = ..., carries: bool = ..., pythons: _Optional[_Iterable[str]] = ..., node: _Optional[str] = ..., refusal: _Optional[str] = ...) -> None: ...

class KeepRequest(_message.Message):
    __slots__ = ("sessions", "applications", "packages", "seconds")
    SESSIONS_FIELD_NUMBER: _ClassVar[int]
    APPLICATIONS_FIELD_NUMBER: _ClassVar[int]
    PACKAGES_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    sessions: _containers.RepeatedScalarFieldContainer[str]
    applications: _containers.RepeatedScalarFieldContainer[str]
    packages: _containers.RepeatedScalarFieldContainer[str]
    seconds: int
    def __init__(self, sessions: _Optional[_Iterable[str]] = ..., applications: _Optional[_Iterable[str]] = ..., packages: _Optional[_Iterable[str]] = ..., seconds: _Optional[int] = ...) -> None: ...

class KeepReply(_message.Message):
    __slots__ = ("gone",)
    GONE_FIELD_NUMBER: _ClassVar[int]
    gone: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, gone: _Optional[_Iterable[str]] = ...) -> None: ...

class CarryFrame(_message.Message):
    __slots__ = ("open", "ring", "kill", "tally", "data", "piece", "started", "output", "ended", "progress", "running")
    OPEN_FIELD_NUMBER: _ClassVar[int]
    RING_FIELD_NUMBER: _ClassVar[int]
    KILL_FIELD_NUMBER: _ClassVar[int]
    TALLY_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    PIECE_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    ENDED_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    open: Open
    ring: Ring
    kill: Kill
    tally: Tally
    data: bytes
    piece: Piece
    started: Started
    output: Output
    ended: Ended
    progress: Progress
    running: Running
    def __init__(self, open: _Optional[_Union[Open, _Mapping]] = ..., ring: _Optional[_Union[Ring, _Mapping]] = ..., kill: _Optional[_Union[Kill, _Mapping]] = ..., tally: _Optional[_Union[Tally, _Mapping]] = ..., data: _Optional[bytes] = ..., piece: _Optional[_Union[Piece, _Mapping]] = ..., started: _Optional[_Union[Started, _Mapping]] = ..., output: _Optional[_Union[Output, _Mapping]] = ..., ended: _Optional[_Union[Ended, _Mapping]] = ..., progress: _Optional[_Union[Progress, _Mapping]] = ..., running: _Optional[_Union[Running, _Mapping]] = ...) -> None: ...

class Open(_message.Message):
    __slots__ = ("session", "service", "package", "resources", "python", "environment", "main_path", "hello", "client", "environment_current", "sized", "environment_fitting")
    class EnvironmentEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    SESSION_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    PACKAGE_FIELD_NUMBER: _ClassVar[int]
    RESOURCES_FIELD_NUMBER: _ClassVar[int]
    PYTHON_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    MAIN_PATH_FIELD_NUMBER: _ClassVar[int]
    HELLO_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_CURRENT_FIELD_NUMBER: _ClassVar[int]
    SIZED_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FITTING_FIELD_NUMBER: _ClassVar[int]
    session: str
    service: str
    package: Package
    resources: Resources
    python: str
    environment: _containers.ScalarMap[str, str]
    main_path: str
    hello: bytes
    client: str
    environment_current: bool
    sized: bool
    environment_fitting: bool
    def __init__(self, session: _Optional[str] = ..., service: _Optional[str] = ..., package: _Optional[_Union[Package, _Mapping]] = ..., resources: _Optional[_Union[Resources, _Mapping]] = ..., python: _Optional[str] = ..., environment: _Optional[_Mapping[str, str]] = ..., main_path: _Optional[str] = ..., hello: _Optional[bytes] = ..., client: _Optional[str] = ..., environment_current: bool = ..., sized: bool = ..., environment_fitting: bool = ...) -> None: ...

class Package(_message.Message):
    __slots__ = ("name", "url", "sha256", "import_roots", "cwd", "size")
    NAME_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    IMPORT_ROOTS_FIELD_NUMBER: _ClassVar[int]
    CWD_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    name: str
    url: str
    sha256: str
    import_roots: _containers.RepeatedScalarFieldContainer[str]
    cwd: str
    size: int
    def __init__(self, name: _Optional[str] = ..., url: _Optional[str] = ..., sha256: _Optional[str] = ..., import_roots: _Optional[_Iterable[str]] = ..., cwd: _Optional[str] = ..., size: _Optional[int] = ...) -> None: ...

class Resources(_message.Message):
    __slots__ = ("cpu", "memory", "gpu", "custom")
    class CustomEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    CPU_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    GPU_FIELD_NUMBER: _ClassVar[int]
    CUSTOM_FIELD_NUMBER: _ClassVar[int]
    cpu: float
    memory: int
    gpu: int
    custom: _containers.ScalarMap[str, float]
    def __init__(self, cpu: _Optional[float] = ..., memory: _Optional[int] = ..., gpu: _Optional[int] = ..., custom: _Optional[_Mapping[str, float]] = ...) -> None: ...

class Ring(_message.Message):
    __slots__ = ("why", "number")
    WHY_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    why: int
    number: int
    def __init__(self, why: _Optional[int] = ..., number: _Optional[int] = ...) -> None: ...

class Kill(_message.Message):
    __slots__ = ("reason", "grace")
    REASON_FIELD_NUMBER: _ClassVar[int]
    GRACE_FIELD_NUMBER: _ClassVar[int]
    reason: str
    grace: float
    def __init__(self, reason: _Optional[str] = ..., grace: _Optional[float] = ...) -> None: ...

class Tally(_message.Message):
    __slots__ = ("pending", "running", "succeed", "failed", "cancelled")
    PENDING_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    SUCCEED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    CANCELLED_FIELD_NUMBER: _ClassVar[int]
    pending: int
    running: int
    succeed: int
    failed: int
    cancelled: int
    def __init__(self, pending: _Optional[int] = ..., running: _Optional[int] = ..., succeed: _Optional[int] = ..., failed: _Optional[int] = ..., cancelled: _Optional[int] = ...) -> None: ...

class Started(_message.Message):
    __slots__ = ("pid", "executor", "node", "workplace")
    PID_FIELD_NUMBER: _ClassVar[int]
    EXECUTOR_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    WORKPLACE_FIELD_NUMBER: _ClassVar[int]
    pid: int
    executor: str
    node: str
    workplace: str
    def __init__(self, pid: _Optional[int] = ..., executor: _Optional[str] = ..., node: _Optional[str] = ..., workplace: _Optional[str] = ...) -> None: ...

class Progress(_message.Message):
    __slots__ = ("step", "fraction")
    STEP_FIELD_NUMBER: _ClassVar[int]
    FRACTION_FIELD_NUMBER: _ClassVar[int]
    step: str
    fraction: float
    def __init__(self, step: _Optional[str] = ..., fraction: _Optional[float] = ...) -> None: ...

class Output(_message.Message):
    __slots__ = ("stream", "data")
    STREAM_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    stream: int
    data: bytes
    def __init__(self, stream: _Optional[int] = ..., data: _Optional[bytes] = ...) -> None: ...

class Running(_message.Message):
    __slots__ = ("number",)
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    number: int
    def __init__(self, number: _Optional[int] = ...) -> None: ...

class Ended(_message.Message):
    __slots__ = ("status", "running", "lost", "reason", "errors")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    LOST_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    status: int
    running: int
    lost: bool
    reason: str
    errors: bytes
    def __init__(self, status: _Optional[int] = ..., running: _Optional[int] = ..., lost: bool = ..., reason: _Optional[str] = ..., errors: _Optional[bytes] = ...) -> None: ...

class Piece(_message.Message):
    __slots__ = ("name", "session", "size", "offset", "data")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    name: str
    session: str
    size: int
    offset: int
    data: bytes
    def __init__(self, name: _Optional[str] = ..., session: _Optional[str] = ..., size: _Optional[int] = ..., offset: _Optional[int] = ..., data: _Optional[bytes] = ...) -> None: ...
