"""FlameContext and FlamePackage, and how their values are found."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flamepy.context.locate import find_config
from flamepy.context.urls import ENVIRONMENTS, LOCAL, check_cache, check_endpoint, check_storage, nearest
from flamepy.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


@dataclass(frozen=True)
class FlamePackage:
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

    storage: str | None
    excludes: Sequence[str] = ()

    def __post_init__(self) -> None:
        if isinstance(self.excludes, str):
            raise ConfigError(f"excludes must be a list of patterns, not the text {self.excludes!r}")
        object.__setattr__(self, "excludes", tuple(self.excludes))
        if self.storage is not None:
            object.__setattr__(self, "storage", check_storage(self.storage))


@dataclass(frozen=True, kw_only=True)
class FlameContext:
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

    cluster: str | None = None
    endpoint: str = ""
    cache: str | None = None
    package: FlamePackage | None = None
    token: str | None = field(default=None, repr=False)
    ca_file: Path | None = None
    cache_ca_file: Path | None = None
    environment: str | None = None
    template: str | None = None
    source: Path | None = None

    def __post_init__(self) -> None:
        given = {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) not in (None, "")}
        _check_types(given)
        if "endpoint" in given:
            given["endpoint"] = check_endpoint(given["endpoint"])
        for name, value in _resolve(given).items():
            object.__setattr__(self, name, value)

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
        return cls(cluster=cluster, source=None if path is None else Path(path))

    @property
    def scheme(self) -> str:
        """The endpoint's scheme, which picks the engine: ``local``, ``http(s)``, ``grpc(s)`` or ``ray``."""
        return self.endpoint.partition("://")[0]


def _check_types(given: Mapping[str, Any]) -> None:
    kinds: dict[str, type | tuple[type, ...]] = {"package": FlamePackage, "source": Path}
    for name, value in given.items():
        kind = kinds.get(name, (str, Path) if name.endswith("ca_file") else str)
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
            values[name] = Path(values[name]).expanduser()
    environment = values.get("environment")
    if environment is not None and environment not in ENVIRONMENTS:
        raise ConfigError(
            f"environment {environment!r} is unknown{nearest(environment, ENVIRONMENTS)}; "
            f"known are {', '.join(ENVIRONMENTS)}"
        )
    return values
