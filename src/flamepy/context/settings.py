"""FlameContext and FlamePackage, and how their values are found."""

from __future__ import annotations

import os

from flamepy.context.locate import find_config
from flamepy.context.urls import (
    CACHE_PORT,
    ENVIRONMENTS,
    LOCAL,
    cache_url,
    check_cache,
    check_endpoint,
    check_storage,
    nearest,
)
from flamepy.errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path  # at run time where it is needed: four milliseconds of every start
    from typing import Any


class _Frozen:
    """A value that does not change after its constructor, compared and shown by its fields.

    Not a dataclass: importing :mod:`dataclasses` takes longer than anything else at the start of a program.
    """

    __slots__: tuple[str, ...] = ()
    _hidden: frozenset[str] = frozenset()

    def _set(self, values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def _values(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}

    def replace(self, **changes: Any) -> Any:
        """Return a copy with other values for some fields."""
        return type(self)(**{**self._values(), **changes})

    __replace__ = replace

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} does not change; use replace({name}=...) for a changed copy")

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other._values() == self._values()

    def __hash__(self) -> int:
        return hash(tuple(self._values().values()))

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (type(self), self._values())

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self._values().items() if name not in self._hidden)
        return f"{type(self).__name__}({shown})"


def _rebuilt(kind: type[Any], values: dict[str, Any]) -> Any:
    made = object.__new__(kind)
    made._set(values)
    return made


class FlamePackage(_Frozen):
    """Where packages are stored and what is left out of them.

    Attributes:
        storage: URL of the folder for packages: ``file:///shared/folder``, ``s3://bucket/prefix``,
            ``https://host/path`` or any other URL that fsspec knows. ``file://~/x`` is in the home directory,
            ``file://./x`` beside flame.yaml, or in the working directory if given in code. None: the engine's own.
        excludes: Patterns in gitignore syntax, on top of the defaults (``.venv``, ``__pycache__``, ``*.pyc``, …) and
            of the project's ``.gitignore`` and ``.flameignore``; ``!pattern`` takes something in again.

    Raises:
        ConfigError: The storage is no URL.

    Example:
        >>> FlamePackage("file:///opt/example/", excludes=["*.log"]).excludes
        ('*.log',)
    """

    __slots__ = ("storage", "excludes")  # noqa: RUF023 - the order of repr

    storage: str | None
    excludes: tuple[str, ...]

    def __init__(self, storage: str | None, excludes: Sequence[str] = ()) -> None:
        if isinstance(excludes, str):
            raise ConfigError(f"excludes must be a list of patterns, not the text {excludes!r}")
        checked = None if storage is None else check_storage(storage)
        self._set({"storage": checked, "excludes": tuple(excludes)})


class FlameContext(_Frozen):
    """Where the engine is and where packages go.

    What is given here wins over the environment variables ``FLAME_ENDPOINT``, ``FLAME_CACHE_ENDPOINT``,
    ``FLAME_CA_FILE``, ``FLAME_TOKEN`` and ``FLAME_CLUSTER``, and those over ``flame.yaml``, which is ``$FLAME_CONFIG``,
    or found in the working directory and its parents up to the project root, or the user's own
    (``~/.config/flamepy/flame.yaml``, ``~/.flame/flame.yaml``). Without any of them the engine is this machine.

    A token or CA file of flame.yaml belongs to the endpoint that stands beside it: when another endpoint is given in
    code or by ``FLAME_ENDPOINT``, they are not sent there.

    Attributes:
        cluster: Name of the cluster in flame.yaml; None for its current one.
        endpoint: ``local://`` (default), ``http(s)://host:port`` or ``grpc(s)://host:port`` for a Flame cluster,
            ``ray://host:port`` or ``ray`` for Ray.
        cache: URL of the cluster's object cache.
        package: Where packages go; None for the engine's own place.
        token: Sent to the engine as a bearer token; never shown by ``repr``.
        ca_file: Certificates that the engine's own is checked against; None for the system's.
        cache_ca_file: The same for the object cache; None for ``ca_file``.
        environment: ``current`` or ``uv``, see `flamepy.FlameRunner`; None for the engine's default.
        template: The Flame application that runners copy; None for ``flmrun``.
        source: The file that was read; None if there was none.

    Raises:
        ConfigError: A value is unknown or wrong; ``path`` and ``line`` say where, if it came from a file.

    Example:
        >>> FlameContext(endpoint="grpc://localhost:8080").scheme
        'grpc'
    """

    __slots__ = (  # noqa: RUF023 - the order of repr
        "cluster",
        "endpoint",
        "cache",
        "package",
        "token",
        "ca_file",
        "cache_ca_file",
        "environment",
        "template",
        "source",
    )
    _hidden = frozenset({"token"})

    cluster: str | None
    endpoint: str
    cache: str | None
    package: FlamePackage | None
    token: str | None
    ca_file: Path | None
    cache_ca_file: Path | None
    environment: str | None
    template: str | None
    source: Path | None

    def __init__(  # noqa: PLR0913 - keyword-only settings
        self,
        *,
        cluster: str | None = None,
        endpoint: str = "",
        cache: str | None = None,
        package: FlamePackage | None = None,
        token: str | None = None,
        ca_file: str | Path | None = None,
        cache_ca_file: str | Path | None = None,
        environment: str | None = None,
        template: str | None = None,
        source: Path | None = None,
    ) -> None:
        values = {name: value for name, value in locals().items() if name in self.__slots__}
        given = {name: value for name, value in values.items() if value not in (None, "")}
        _check_types(given)
        if "endpoint" in given:
            given["endpoint"] = check_endpoint(given["endpoint"])
        self._set({**values, **_resolve(given)})

    @classmethod
    def load(cls, path: str | os.PathLike[str] | None = None, *, cluster: str | None = None) -> FlameContext:
        """Read one file, or whatever applies here.

        Args:
            path: A flame.yaml; None to look for it as the constructor does.
            cluster: Name of a cluster in it; None for its current one.

        Raises:
            ConfigError: The file cannot be read, or something in it is unknown or wrong.

        Example:
            >>> FlameContext.load("flame.yaml", cluster="prod")  # doctest: +SKIP
        """
        if path is None:
            return cls(cluster=cluster)
        from pathlib import Path

        return cls(cluster=cluster, source=Path(path))

    @property
    def scheme(self) -> str:
        """The endpoint's scheme, which picks the engine: ``local``, ``http(s)``, ``grpc(s)`` or ``ray``."""
        return self.endpoint.partition("://")[0]

    @property
    def cache_endpoint(self) -> str:
        """URL of the object cache, ``grpc(s)://host:port``: ``cache``, or port 9090 of the endpoint's host."""
        return cache_url(self.cache or self.endpoint, port=None if self.cache else CACHE_PORT)


def _check_types(given: Mapping[str, Any]) -> None:
    kinds: dict[str, type | tuple[type, ...]] = {"package": FlamePackage, "source": os.PathLike}
    for name, value in given.items():
        kind = kinds.get(name, (str, os.PathLike) if name.endswith("ca_file") else str)
        if not isinstance(value, kind):
            wanted = "a FlamePackage" if name == "package" else "text"
            raise ConfigError(f"FlameContext({name}=...) must be {wanted}, not {type(value).__name__}")


def _resolve(given: Mapping[str, Any]) -> dict[str, Any]:
    """Merge the keyword arguments over the environment over the file."""
    overrides = {**_environment_values(), **given}
    source = given.get("source") or find_config()
    values: dict[str, Any] = {"source": source}
    if source is not None:
        from flamepy.context.document import read_config

        values.update(read_config(source, overrides.get("cluster")))
        values["cluster"] = values.pop("name", None)
        if isinstance(values.get("package"), dict):
            values["package"] = FlamePackage(**values["package"])
    if overrides.get("endpoint", values.get("endpoint")) != values.get("endpoint"):
        values.pop("token", None)
        values.pop("ca_file", None)
    elif overrides.get("cluster") and not values.get("cluster"):
        raise ConfigError(_no_cluster(overrides["cluster"], source), path=source, line=None)
    values.update(overrides)
    return _normalised(values)


def _environment_values() -> dict[str, Any]:
    names: dict[str, tuple[str, Callable[[str], str]]] = {
        "FLAME_ENDPOINT": ("endpoint", check_endpoint),
        "FLAME_CACHE_ENDPOINT": ("cache", check_cache),
        "FLAME_CLUSTER": ("cluster", str),
        "FLAME_TOKEN": ("token", str),
        "FLAME_CA_FILE": ("ca_file", str),
    }
    values: dict[str, Any] = {}
    for variable, (name, check) in names.items():
        text = os.environ.get(variable)
        if text:
            try:
                values[name] = check(text)
            except ConfigError as error:
                raise ConfigError(f"environment variable {variable}: {error}") from error
    return values


def _no_cluster(name: str, source: Path | None) -> str:
    if source is None:
        return f"no cluster is named {name!r}: there is no flame.yaml; write one, or name it with FLAME_CONFIG"
    return f"no cluster is named {name!r}: {source} has no clusters"


def _normalised(values: dict[str, Any]) -> dict[str, Any]:
    values["endpoint"] = check_endpoint(values.get("endpoint") or LOCAL)
    if values.get("cache"):
        values["cache"] = check_cache(values["cache"])
    for name in ("ca_file", "cache_ca_file"):
        if values.get(name):
            from pathlib import Path

            values[name] = Path(values[name]).expanduser()
    environment = values.get("environment")
    if environment is not None and environment not in ENVIRONMENTS:
        raise ConfigError(
            f"environment {environment!r} is unknown{nearest(environment, ENVIRONMENTS)}; "
            f"known are {', '.join(ENVIRONMENTS)}"
        )
    return values
