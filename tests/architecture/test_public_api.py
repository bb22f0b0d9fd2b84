"""The names people rely on, and that each says what it is for."""

from __future__ import annotations

import ast
import importlib.metadata

import flamepy
import flamepy.errors
from architecture import source

ERRORS = {
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
}

PUBLIC = ERRORS | {
    "FlameAsyncRunner",
    "FlameContext",
    "FlamePackage",
    "FlameRunner",
    "FlameRunnerService",
    "ObjectExpr",
    "Resources",
    "__version__",
    "as_completed",
    "checkpoint",
    "gather",
    "get",
    "wait",
}


def test_the_public_names_are_these():
    assert set(flamepy.__all__) == PUBLIC
    assert len(flamepy.__all__) == len(PUBLIC)


def test_every_public_name_resolves():
    assert {name for name in PUBLIC if not hasattr(flamepy, name)} == set()
    assert set(dir(flamepy)) >= PUBLIC


def test_every_error_is_public():
    defined = {
        name
        for name, value in vars(flamepy.errors).items()
        if isinstance(value, type) and issubclass(value, BaseException)
    }
    assert defined == ERRORS


def test_the_error_tree_in_the_docstring_is_complete():
    drawn = flamepy.errors.__doc__ or ""
    assert {name for name in ERRORS if name not in drawn} == set()


def test_the_version_is_the_distribution_s():
    assert flamepy.__version__ == importlib.metadata.version("flamepy")


def test_public_definitions_are_documented():
    bare = [where for where, node in source.public_definitions() if not ast.get_docstring(node)]
    assert bare == []


def test_modules_are_documented():
    assert [path for path, module in source.modules().items() if not ast.get_docstring(module)] == []
