"""How a service is to run: the settings of `FlameRunner.service`, checked and turned into what engines know."""

from __future__ import annotations

import os

from flamepy.errors import ServiceError
from flamepy.model.specs import CallOptions, PackageRef, Resources, SessionSpec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import timedelta
    from typing import Any, Literal, TypedDict

    from flamepy.targets import Target
else:

    class TypedDict(dict):
        """Stands for that of :mod:`typing`, whose import is paid by every start."""

        def __init_subclass__(cls, *, total: bool = True) -> None:
            cls.__total__ = total


NEVER = 2**62
"""Calls after which a state is saved that is not saved by their number."""


class ServiceSettings(TypedDict, total=False):
    """The keyword arguments of `FlameRunner.service`.

    Attributes:
        name: Shown to people; the function's or class's name unless given.
        instances: For a function how many executors, ``(least, most)`` or exactly N; for a class N independent
            instances without shared state, each call going to the least busy one.
        warmup: For a function, executors that are started at once and kept; short for the least of ``instances``.
        resources: What each executor needs, ``Resources(cpu=2)`` or ``{"cpu": 2}``; memory in bytes.
        timeout: Seconds that a task may run; then it is stopped.
        retries: How often a task is run again after its executor died or it ran out of time.
        retry_exceptions: Exceptions of the task itself after which it is run again, too.
        priority: Higher ones go first among the waiting calls of a function.
        concurrency: Coroutines of ``async def`` methods that run at once in one executor.
        checkpoint: For instances: when to save the state, to restore it should the executor die. After every so many
            calls, a number; or a `datetime.timedelta` after a call; or ``"manual"``, when a method calls
            `flamepy.checkpoint`, which is possible with the others too. 0 restores the first state.
            None: the state is lost then, and its calls fail with StateLost.
    """

    name: str | None
    instances: int | tuple[int, int] | None
    warmup: int
    resources: Resources | dict[str, float] | None
    timeout: float | None
    retries: int
    retry_exceptions: tuple[type[BaseException], ...]
    priority: int
    concurrency: int
    checkpoint: int | timedelta | Literal["manual"] | None


def session_spec(target: Target, package: PackageRef, main: str | None, cores: int, **settings: Any) -> SessionSpec:
    """Describe a service for an engine.

    Args:
        target: What runs.
        package: The runner's package.
        main: The main script, if it travels as a file.
        cores: Executors that a function has at most unless told otherwise.
        settings: See `ServiceSettings`.

    Raises:
        TypeError: There is no such setting.
        ServiceError: A setting does not fit the target.
        SerializationError: The target cannot be pickled.
    """
    _check_names(settings)
    least, most = _instances(target, settings.get("instances"), settings.get("warmup", 0), cores)
    every, seconds = _checkpoint(target, settings, most)
    return SessionSpec(
        name=settings.get("name") or target.name,
        package=package,
        target=target.pickle(main_by_value=main is None),
        target_kind=target.kind,
        methods=tuple(target.methods),
        main_path=_in_package(main, package),
        min_instances=least,
        max_instances=most,
        resources=_resources(settings.get("resources")),
        defaults=_options(settings),
        concurrency=_whole_number(settings, "concurrency", 100, least=1),
        checkpoint=every,
        checkpoint_seconds=seconds,
    )


def _check_names(settings: dict[str, Any]) -> None:
    known = ServiceSettings.__annotations__
    for name in settings:
        if name not in known:
            import difflib

            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(known)}"
            raise TypeError(f"service() has no setting '{name}'; {hint}")


def _instances(target: Target, instances: int | tuple[int, int] | None, warmup: int, cores: int) -> tuple[int, int]:
    """The least and most executors of a service."""
    if instances is None:
        most = max(1, cores, warmup) if target.kind == "function" else 1
        return (warmup, most) if target.kind == "function" else (1, 1)
    least, most = instances if isinstance(instances, tuple) else (instances, instances)
    if not 0 <= least <= most or not warmup <= most or most < 1:
        raise ServiceError(f"instances={instances!r} of '{target.name}' is not N or (least, most) with most >= 1")
    if target.kind == "instance" and most > 1:
        raise ServiceError(f"'{target.name}' is one instance and has one executor; for {most} give service() its class")
    return max(least, warmup), most


def _options(settings: dict[str, Any]) -> CallOptions:
    timeout = settings.get("timeout")
    if timeout is not None and not timeout > 0:
        raise ServiceError(f"timeout={timeout!r} is not a number of seconds above 0; leave it out for no limit")
    return CallOptions(
        timeout=timeout,
        retries=_whole_number(settings, "retries", 0, least=0),
        retry_exceptions=tuple(settings.get("retry_exceptions", ())),
        priority=settings.get("priority", 0),
    )


def _checkpoint(target: Target, settings: dict[str, Any], instances: int) -> tuple[int | None, float | None]:
    """After how many calls, and after how many seconds, the state is saved."""
    policy = settings.get("checkpoint")
    if policy is None:
        return None, None
    if target.kind == "function":
        raise ServiceError(f"'{target.name}' is a function: it has no state that a checkpoint could save")
    if policy and instances > 1:
        raise ServiceError(
            f"checkpoint={policy!r} saves the state of one instance; '{target.name}' would have {instances}"
        )
    seconds: float | None = policy.total_seconds() if hasattr(policy, "total_seconds") else None
    if policy == "manual" or (seconds is not None and seconds > 0):
        return NEVER, seconds
    if not isinstance(policy, int) or policy < 0:
        raise ServiceError(f"checkpoint={policy!r} is not a number of calls, a timedelta above 0, or 'manual'")
    return policy, None


def _whole_number(settings: dict[str, Any], name: str, default: int, *, least: int) -> int:
    value = settings.get(name, default)
    if not isinstance(value, int) or value < least:
        raise ServiceError(f"{name}={value!r} is not a whole number of at least {least}")
    return value


def _resources(wanted: Resources | dict[str, float] | None) -> Resources:
    if isinstance(wanted, Resources):
        return wanted
    known = {"cpu", "memory", "gpu"}
    given: dict[str, Any] = dict(wanted or {})
    for name, amount in given.items():
        if not isinstance(amount, int | float) or amount < 0:
            raise ServiceError(f"resources: {name}={amount!r} is not a number of at least 0")
    custom = {name: given.pop(name) for name in list(given) if name not in known}
    return Resources(**given, custom=custom)


def _in_package(main: str | None, package: PackageRef) -> str | None:
    """The main script's path in the package; one outside of the project travels as it is."""
    if main is None:
        return None
    path = os.path.abspath(main)
    inside = os.path.relpath(path, package.folder)
    return path if inside.startswith("..") else inside
