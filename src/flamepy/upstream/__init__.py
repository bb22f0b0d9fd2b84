"""What programs written for xflops/flame's own flamepy 0.6 import: thin layers over our API.

::

    from flamepy.runner import Runner        ──►  runners         over FlameRunner: any engine
    from flamepy.core import create_session  ──►  connection, sessions   over flame.v1: a Flame cluster
    from flamepy.core import put_object      ──►  objects         over the object cache
    from flamepy.service import FlameInstance ─►  entrypoint, instance   the process of a service
    python -m flamepy.runner.runpy           ──►  execution       what upstream's Runner runs in a cluster

Nothing here is loaded before one of the old names is used. The folder ``names`` holds the modules that had a name of
their own (``flamepy.core``, ``flamepy.cache``, ``flamepy.runner.types``, ...); it is a part of the search path of
``flamepy``, which is why they are importable without standing beside our own modules. ``flamepy.util`` among them is
upstream's name, the one exception to our rule that no module is called that.
"""

from __future__ import annotations

TOP_LEVEL = {
    **dict.fromkeys(
        (
            "Application",
            "ApplicationAttributes",
            "ApplicationID",
            "ApplicationSchema",
            "ApplicationState",
            "CommonData",
            "DEFAULT_FLAME_CACHE_ENDPOINT",
            "DEFAULT_FLAME_CONF",
            "DEFAULT_FLAME_ENDPOINT",
            "Event",
            "FlameContextRunner",
            "FlameErrorCode",
            "Message",
            "ResourceRequirement",
            "SessionAttributes",
            "SessionID",
            "SessionState",
            "Shim",
            "Task",
            "TaskID",
            "TaskInformer",
            "TaskInput",
            "TaskOutput",
            "TaskState",
        ),
        "vocabulary",
    ),
    **dict.fromkeys(
        (
            "Connection",
            "close_session",
            "connect",
            "create_session",
            "get_application",
            "get_session",
            "list_applications",
            "list_executors",
            "list_nodes",
            "list_sessions",
            "open_session",
            "register_application",
            "unregister_application",
        ),
        "connection",
    ),
    **dict.fromkeys(("Session", "TaskWatcher"), "sessions"),
    **dict.fromkeys(
        ("ApplicationContext", "FLAME_INSTANCE_ENDPOINT", "FlameService", "SessionContext", "TaskContext", "run"),
        "instance",
    ),
    **dict.fromkeys(("ObjectRef", "get_object", "put_object", "update_object"), "objects"),
}
"""Upstream's names in ``flamepy`` itself that we do not have, and the modules here that do."""

RUNNER = {
    **dict.fromkeys(("ObjectFuture", "ObjectFutureIterator", "Runner", "RunnerService"), "runners"),
    **dict.fromkeys(("RunnerContext", "RunnerRequest", "SessionContext"), "requests"),
    **dict.fromkeys(("ErrorType", "RunnerError", "get_data"), "decoding"),
    "FlameRunpyService": "execution",
}
"""The same for ``flamepy.runner``."""

SERVICE = {"FlameInstance": "entrypoint", "Session": "conversations"}
"""The same for ``flamepy.service``."""


SUBMODULES = frozenset({"cache", "core", "proto", "runner", "service", "util"})
"""Modules that ``import flamepy`` alone makes available there."""


def find(name: str, homes: dict[str, str], owner: str) -> object:
    """Return what one of upstream's names stands for.

    Args:
        name: The name.
        homes: One of the tables above.
        owner: The module that was asked for it.

    Raises:
        AttributeError: It is none of them.
    """
    if homes is TOP_LEVEL and name in SUBMODULES:
        return __import__(f"flamepy.{name}", fromlist=[name])
    home = homes.get(name)
    if home is None:
        raise AttributeError(f"module '{owner}' has no attribute '{name}'")
    return getattr(__import__(f"{__name__}.{home}", fromlist=[name]), name)
