"""Every exception that flamepy raises.

::

    FlameError
    ├── ConfigError (ValueError)            flame.yaml or FlameContext(...) is wrong
    ├── PackageError                        the project cannot be packed
    │   ├── PackageTooLarge                 more bytes than the limit, largest entries listed
    │   ├── MissingModule (ImportError)     the package lacks a module that the service needs
    │   ├── EnvironmentFailed               the project's dependencies cannot be installed
    │   └── StorageError (OSError)          the storage refused or lost the archive
    ├── SerializationError (TypeError)      an argument or result cannot travel
    ├── EngineError
    │   ├── EngineUnavailable (ConnectionError)   nobody answers at the endpoint
    │   ├── EngineClosed                    the runner or engine has ended
    │   └── ResourcesUnavailable            no executor can ever fit the request
    ├── ServiceError
    │   ├── ServiceClosed                   called after close()
    │   └── ServiceFailed                   the object could not be created in its executor
    ├── TaskError                           a task failed with an exception that cannot be rebuilt here
    │   ├── TaskTimeout (TimeoutError)      the task ran longer than its ``timeout=``
    │   ├── TaskCancelled                   somebody called cancel()
    │   ├── DependencyFailed                an ObjectExpr argument had failed
    │   └── ExecutorDied                    the process of the task ended under it
    │       └── StateLost                   ... and took the instance's state with it
    ├── WaitTimeout (TimeoutError)          get(timeout=...) ran out; the task goes on
    └── InternalError                       our bug: please report it

A remote exception is raised as its own type whenever that type can be rebuilt here; its ``__cause__`` is a
`RemoteTraceback` with the frames of the executor. Messages say what happened, to what, and what to do next.
"""

from __future__ import annotations


class FlameError(Exception):
    """Base of all flamepy errors; keyword arguments become attributes.

    Args:
        message: What happened, to what, and what to do next.
        details: Facts for programs, readable as attributes of the error.

    Example:
        >>> FlameError("no cluster 'prod'", cluster="prod").cluster
        'prod'
    """

    def __init__(self, message: str = "", **details: object) -> None:
        super().__init__(message or (type(self).__doc__ or "").partition("\n")[0])
        for name, value in details.items():  # by setattr, since ImportError and OSError have slots for some
            setattr(self, name, value)

    def __getattr__(self, name: str) -> object:
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")


class ConfigError(FlameError, ValueError):
    """The configuration is wrong; attributes ``path`` and ``line`` say where, if it came from a file."""


class PackageError(FlameError):
    """The project cannot be packed."""


class PackageTooLarge(PackageError):
    """The project has more bytes than a package may have."""


class MissingModule(PackageError, ImportError):
    """The package lacks a module that the service imports."""


class EnvironmentFailed(PackageError):
    """The project's dependencies cannot be installed; ``output`` holds what uv said."""


class StorageError(PackageError, OSError):
    """The package storage refused or lost an archive."""

    # OSError formats itself from errno; ours is a sentence.
    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class SerializationError(FlameError, TypeError):
    """An argument or result cannot be pickled or unpickled."""


class EngineError(FlameError):
    """The engine cannot do what was asked."""


class EngineUnavailable(EngineError, ConnectionError):
    """Nobody answers at the engine's endpoint."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class EngineClosed(EngineError):
    """The runner has been left or the engine was closed."""


class ResourcesUnavailable(EngineError):
    """No executor of this engine can ever fit the requested resources."""


class ServiceError(FlameError):
    """A service cannot do what was asked."""


class ServiceClosed(ServiceError):
    """The service was closed before this call."""


class ServiceFailed(ServiceError):
    """The service's object could not be created in its executor."""


class TaskError(FlameError):
    """A task failed with an exception that cannot be rebuilt here; ``type_name`` is the type it had there."""


class TaskTimeout(TaskError, TimeoutError):
    """The task ran longer than its ``timeout=`` and was stopped."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class TaskCancelled(TaskError):
    """The task was cancelled before it had a result."""


class DependencyFailed(TaskError):
    """An ObjectExpr among the arguments had failed; its error is the ``__cause__``."""


class ExecutorDied(TaskError):
    """The executor process ended under the task; see ``exitcode``, ``signal`` and ``stderr``."""


class StateLost(ExecutorDied):
    """The executor process ended and the state of a service instance went with it."""


class WaitTimeout(FlameError, TimeoutError):
    """The wait ran out of time; the task itself goes on."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class InternalError(FlameError):
    """A bug of flamepy: please report it with this message."""


class RemoteTraceback(Exception):
    """The executor's frames of a remote exception, as text; found as its ``__cause__``."""

    def __str__(self) -> str:
        return f'\n"""\n{self.args[0]}"""' if self.args else ""
