"""What upstream's programs import is there, under the names that its pickles use, and costs nobody else anything."""

from __future__ import annotations

import importlib
import pickle
import subprocess
import sys

import pytest

NAMES = {
    "flamepy": """TaskID SessionID ApplicationID Message TaskInput TaskOutput CommonData DEFAULT_FLAME_CONF
        DEFAULT_FLAME_ENDPOINT DEFAULT_FLAME_CACHE_ENDPOINT SessionState TaskState ApplicationState FlameErrorCode Shim
        FlameError Event ResourceRequirement SessionAttributes ApplicationSchema ApplicationAttributes Task Application
        FlamePackage FlameContextRunner TaskInformer FlameContext connect create_session open_session
        register_application unregister_application list_applications list_executors list_nodes get_application
        list_sessions get_session close_session Connection Session TaskWatcher FLAME_INSTANCE_ENDPOINT
        ApplicationContext SessionContext TaskContext FlameService run ObjectRef get_object put_object update_object
        runner service __version__""",
    "flamepy.core": """TaskID SessionState FlameError FlameContext FlamePackage connect create_session Connection
        Session TaskWatcher FlameService run ObjectRef short_name ConnectionInstance FlameInstanceServicer
        FlameInstanceServer WILDCARD_SESSION ObjectKey download_object upload_object patch_object get_object""",
    "flamepy.core.cache": "ObjectRef ObjectKey get_object put_object update_object patch_object delete_objects",
    "flamepy.core.client": "Connection ConnectionInstance Session TaskWatcher TaskIterator create_session",
    "flamepy.core.service": "FlameService FlameInstanceServer SessionContext TaskContext ApplicationContext run",
    "flamepy.core.types": "FlameError FlameErrorCode TaskState ResourceRequirement short_name FlameContext TaskOutput",
    "flamepy.cache": "ObjectRef delete_objects get_object patch_object put_object update_object",
    "flamepy.util": "short_name",
    "flamepy.runner": """SessionContext ObjectFuture ObjectFutureIterator Runner RunnerService FlameRunpyService
        RunnerContext RunnerRequest get_data RunnerError ErrorType FlameRunner""",
    "flamepy.runner.types": "RunnerContext RunnerRequest SessionContext",
    "flamepy.runner.runner": "Runner RunnerService ObjectFuture ObjectFutureIterator",
    "flamepy.runner.helper": "get_data RunnerError ErrorType",
    "flamepy.runner.runpy": "FlameRunpyService main",
    "flamepy.service": "FlameInstance Session FlameRunnerService",
    "flamepy.service.client": "Session",
    "flamepy.service.instance": "FlameInstance",
    "flamepy.proto.types_pb2": "Task Session Application",
    "flamepy.proto.frontend_pb2": "CreateTaskRequest",
}


@pytest.mark.parametrize("module", NAMES)
def test_the_names_are_there(module):
    found = importlib.import_module(module)
    assert {name for name in NAMES[module].split() if not hasattr(found, name)} == set()


@pytest.mark.parametrize("module", ["flamepy", "flamepy.runner", "flamepy.service"])
def test_other_names_are_not(module):
    found = importlib.import_module(module)
    for name in ("Sandbox", "_private", "__wrapped__"):
        with pytest.raises(AttributeError, match=f"module '{module}' has no attribute '{name}'"):
            getattr(found, name)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("flamepy.runner.types", "RunnerContext"),
        ("flamepy.runner.types", "RunnerRequest"),
        ("flamepy.runner.types", "SessionContext"),
        ("flamepy.core.cache", "ObjectRef"),
    ],
)
def test_pickles_name_what_upstream_s_do(module, name):
    kind = getattr(importlib.import_module(module), name)
    assert pickle.loads(pickle.dumps(kind)) is kind
    assert module.encode() in pickle.dumps(kind)


def test_there_is_one_of_each():
    import flamepy
    import flamepy.cache
    import flamepy.core

    assert flamepy.ObjectRef is flamepy.core.ObjectRef is flamepy.cache.ObjectRef
    assert issubclass(flamepy.core.FlameError, flamepy.FlameError)
    assert flamepy.SessionContext is not flamepy.runner.SessionContext


def test_nothing_of_it_is_loaded_unasked():
    script = "import flamepy, flamepy.runner, flamepy.service, sys; hasattr(flamepy, '__x'); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert not [name for name in loaded if "upstream" in name or name.startswith(("grpc", "pyarrow"))]


def test_the_runner_of_the_embedded_engine_needs_neither_grpc_nor_pyarrow():
    script = "from flamepy.runner import Runner, get_data; import sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert not [name for name in loaded if name.startswith(("grpc", "google", "pyarrow", "numpy"))]
