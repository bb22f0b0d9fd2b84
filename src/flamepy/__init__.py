"""Run your project's functions, classes and objects somewhere bigger.

Runners:  FlameRunner, FlameAsyncRunner
Handles:  FlameRunnerService, ObjectExpr
Waiting:  get, wait, as_completed, gather
Settings: FlameContext, FlamePackage, Resources
Inside:   checkpoint
Errors:   see `flamepy.errors`

Names are imported when they are first used: ``import flamepy`` costs a millisecond, and an executor, which imports
this package too, loads nothing of the user API.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flamepy.async_runner import FlameAsyncRunner as FlameAsyncRunner
    from flamepy.context import FlameContext as FlameContext
    from flamepy.context import FlamePackage as FlamePackage
    from flamepy.errors import ConfigError as ConfigError
    from flamepy.errors import DependencyFailed as DependencyFailed
    from flamepy.errors import EngineClosed as EngineClosed
    from flamepy.errors import EngineError as EngineError
    from flamepy.errors import EngineUnavailable as EngineUnavailable
    from flamepy.errors import EnvironmentFailed as EnvironmentFailed
    from flamepy.errors import ExecutorDied as ExecutorDied
    from flamepy.errors import FlameError as FlameError
    from flamepy.errors import InternalError as InternalError
    from flamepy.errors import MissingModule as MissingModule
    from flamepy.errors import PackageError as PackageError
    from flamepy.errors import PackageTooLarge as PackageTooLarge
    from flamepy.errors import RemoteTraceback as RemoteTraceback
    from flamepy.errors import ResourcesUnavailable as ResourcesUnavailable
    from flamepy.errors import SerializationError as SerializationError
    from flamepy.errors import ServiceClosed as ServiceClosed
    from flamepy.errors import ServiceError as ServiceError
    from flamepy.errors import ServiceFailed as ServiceFailed
    from flamepy.errors import StateLost as StateLost
    from flamepy.errors import StorageError as StorageError
    from flamepy.errors import TaskCancelled as TaskCancelled
    from flamepy.errors import TaskError as TaskError
    from flamepy.errors import TaskTimeout as TaskTimeout
    from flamepy.errors import WaitTimeout as WaitTimeout
    from flamepy.model.specs import Resources as Resources
    from flamepy.object_expr import ObjectExpr as ObjectExpr
    from flamepy.runner import FlameRunner as FlameRunner
    from flamepy.runtime.checkpoint import checkpoint as checkpoint
    from flamepy.service import FlameRunnerService as FlameRunnerService
    from flamepy.waiting import as_completed as as_completed
    from flamepy.waiting import gather as gather
    from flamepy.waiting import get as get
    from flamepy.waiting import wait as wait

__version__ = "0.7.0"

_HOMES = {
    "FlameRunner": "runner",
    "FlameAsyncRunner": "async_runner",
    "FlameRunnerService": "service",
    "ObjectExpr": "object_expr",
    "FlameContext": "context",
    "FlamePackage": "context",
    "Resources": "model.specs",
    "get": "waiting",
    "wait": "waiting",
    "as_completed": "waiting",
    "gather": "waiting",
    "checkpoint": "runtime.checkpoint",
    **dict.fromkeys(
        (
            "ConfigError",
            "DependencyFailed",
            "EngineClosed",
            "EngineError",
            "EngineUnavailable",
            "EnvironmentFailed",
            "ExecutorDied",
            "FlameError",
            "InternalError",
            "MissingModule",
            "PackageError",
            "PackageTooLarge",
            "RemoteTraceback",
            "ResourcesUnavailable",
            "SerializationError",
            "ServiceClosed",
            "ServiceError",
            "ServiceFailed",
            "StateLost",
            "StorageError",
            "TaskCancelled",
            "TaskError",
            "TaskTimeout",
            "WaitTimeout",
        ),
        "errors",
    ),
}

__all__ = ["__version__", *_HOMES]


# Where modules are that only programs written for upstream's flamepy import: flamepy.core, flamepy.cache, ...
# A new list: that of __spec__ says where the package is, and stays.
__path__ = [*__path__, f"{__path__[0]}/upstream/names"]


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        return _upstream(name)
    module = __import__(f"flamepy.{home}", fromlist=[name])
    value = globals()[name] = getattr(module, name)
    return value


def _upstream(name: str) -> object:
    """A name of upstream's flamepy; see `flamepy.upstream`."""
    if name.startswith("_"):
        raise AttributeError(f"module 'flamepy' has no attribute '{name}'")
    upstream = __import__("flamepy.upstream", fromlist=[name])
    return upstream.find(name, upstream.TOP_LEVEL, "flamepy")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
