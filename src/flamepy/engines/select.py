"""The endpoint's scheme picks the driver; the only module that imports one."""

from __future__ import annotations

from flamepy.errors import EngineError, EngineUnavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from flamepy.context import FlameContext
    from flamepy.engines.administration import Administration, PingOrder, Pings
    from flamepy.engines.flame.frontend import Frontend
    from flamepy.engines.flame.host.relay import Relay as HostedExecutor
    from flamepy.engines.port import Engine, Inspector

FLAME_SCHEMES = frozenset({"http", "https", "grpc", "grpcs"})
"""Of endpoints that are Flame clusters."""


def connect(
    context: FlameContext, *, object_memory: int | None, show_logs: bool, log_prefix: str, main_by_value: bool
) -> Engine:
    """Connect to the engine of a context.

    Args:
        context: Its endpoint's scheme picks the driver.
        object_memory: Bytes of memory for objects, where the engine lets us choose; None for its default.
        show_logs: Whether the tasks' prints appear here.
        log_prefix: What stands before each line.
        main_by_value: Whether code of ``__main__`` travels by value.

    Raises:
        EngineUnavailable: Nobody answers there, or this installation has no driver for it.
    """
    if context.scheme == "local":
        return _local(
            object_memory=object_memory, show_logs=show_logs, log_prefix=log_prefix, main_by_value=main_by_value
        )
    if context.scheme in FLAME_SCHEMES:
        from flamepy.engines.flame.engine import FlameEngine

        cluster = FlameEngine(
            context,
            object_memory=object_memory,
            show_logs=show_logs,
            log_prefix=log_prefix,
            main_by_value=main_by_value,
        )
        cluster.start()
        return cluster
    if context.scheme == "ray":
        return _ray(
            context.endpoint,
            object_memory=object_memory,
            show_logs=show_logs,
            log_prefix=log_prefix,
            main_by_value=main_by_value,
        )
    raise EngineUnavailable(
        f"no driver for '{context.scheme}' endpoints ({context.endpoint}) in this version; use local://",
        endpoint=context.endpoint,
    )


def _local(**settings: Any) -> Engine:
    """The embedded engine; its template process boots while this one is still importing."""
    from flamepy.engines.local.launcher import Launcher

    launcher = Launcher()
    try:
        from flamepy.engines.local.engine import LocalEngine

        engine = LocalEngine(**settings, launcher=launcher)
    except BaseException:
        launcher.abandon()
        raise
    engine.start()
    return engine


def _ray(endpoint: str, **settings: Any) -> Engine:
    """A Ray cluster; the only place that causes Ray to be imported."""
    from flamepy.engines.ray.engine import RayEngine

    engine = RayEngine(endpoint, **settings)
    engine.start()
    return engine


def inspectors(context: FlameContext | None = None, *, history: bool = True) -> Sequence[Inspector]:
    """Return what ``flmctl`` can look into: running engines first, then the history of ended ones.

    Args:
        context: Where to look; None for the embedded engines of this user on this machine.
        history: Whether those that have ended are wanted too.

    Raises:
        EngineError: Engines of this kind cannot be looked into.

    Example:
        >>> [inspector.engine for inspector in inspectors()]  # doctest: +SKIP
        ['4711-a1b2c3', 'history']
    """
    scheme = "local" if context is None else context.scheme
    if scheme in {"local", "ray"}:  # whose schedulers live in their clients, on this machine
        from flamepy.engines.linked.inspection.inspector import local_inspectors

        return local_inspectors(history=history)
    if context is not None and scheme in FLAME_SCHEMES:
        from flamepy.engines.flame.inspector import FlameInspector

        return [FlameInspector(context, history=history)]
    raise EngineError(f"flmctl cannot look into '{scheme}' engines yet; use --endpoint local:// for those here")


def administration(context: FlameContext) -> Administration:
    """Connect to what ``flmctl`` may change.

    Args:
        context: Of a Flame cluster.

    Raises:
        EngineUnavailable: Nobody answers there, or grpc is not installed.
        EngineError: The engine is no cluster.
    """
    _require_cluster(context)
    from flamepy.engines.flame.administrator import FlameAdministrator

    return FlameAdministrator(context)


def pings(context: FlameContext, order: PingOrder) -> Pings:
    """Open a session for pinging.

    Args:
        context: Of a Flame cluster.
        order: What to do.

    Raises:
        EngineUnavailable: Nobody answers there, or grpc is not installed.
        EngineError: The engine is no cluster, or refuses.
    """
    _require_cluster(context)
    from flamepy.engines.flame.pings import FlamePings

    return FlamePings(context, order)


def frontend(context: FlameContext) -> Frontend:
    """Connect to the session manager of a Flame cluster, for what the engines' port has no words for.

    Args:
        context: With an ``http(s)://`` or ``grpc(s)://`` endpoint.

    Raises:
        EngineUnavailable: Nobody answers there, or grpc is not installed.
        EngineError: The engine is no Flame cluster.
    """
    _require_cluster(context)
    from flamepy.engines.flame.frontend import Frontend

    return Frontend.connect(context)


def _require_cluster(context: FlameContext) -> None:
    if context.scheme not in FLAME_SCHEMES:
        raise EngineError(
            f"{context.endpoint} is no Flame cluster: this needs one, http://host:8080 for example. Start a server "
            "with flame-session-manager, then say --endpoint, or set FLAME_ENDPOINT or flame.yaml",
            endpoint=context.endpoint,
        )


def hosted_executor(order: dict[str, Any]) -> HostedExecutor:
    """Make an executor on this machine for a client of a server; it is started by its ``start``.

    Args:
        order: What the client said of its package.
    """
    from flamepy.engines.flame.host.relay import Relay

    return Relay(order)
