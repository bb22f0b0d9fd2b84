"""Applications as Flame writes them in YAML, for ``flmctl register -f``.

::

    metadata:
      name: digits
    spec:
      command: /usr/bin/digits
      arguments: [--fast]
      environments: {MODE: prod}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flamepy.errors import ConfigError
from flamepy.model.snapshot import ApplicationRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

SHIMS = ("Host", "Wasm")

_SCHEMAS = ("input", "output", "common_data")


def read_applications(path: Path) -> list[ApplicationRecord]:
    """Read a file of applications, several of them split by ``---``.

    Raises:
        ConfigError: It cannot be read, is no YAML, or says something that an application does not have.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}", path=path) from error
    import yaml

    try:
        documents = [each for each in yaml.safe_load_all(text) if each is not None]
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} is no YAML: {error}", path=path) from error
    if not documents:
        raise ConfigError(f"{path} holds no application: it needs metadata.name and spec", path=path)
    return [_application(each, f"{path}, document {place}") for place, each in enumerate(documents, 1)]


def to_document(application: ApplicationRecord) -> dict[str, Any]:
    """Return an application as the file would have it; what is empty is left out.

    Example:
        >>> to_document(ApplicationRecord(name="a", command="x"))["spec"]["command"]
        'x'
    """
    spec: dict[str, Any] = {"shim": application.shim}
    for name, (field, _) in _FIELDS.items():
        value = getattr(application, field)
        if value:
            spec[name] = dict(value) if name == "environments" else list(value) if isinstance(value, tuple) else value
    if application.schema:
        spec["schema"] = dict(application.schema)
    return {"metadata": {"name": application.name}, "spec": spec}


def _application(document: Any, where: str) -> ApplicationRecord:
    whole = _mapping(document, where, "a document")
    _check_names(whole, ("metadata", "spec"), where)
    metadata = _mapping(whole.get("metadata"), where, "metadata")
    spec = dict(_mapping(whole.get("spec") or {}, where, "spec"))
    name = metadata.get("name")
    if not isinstance(name, str) or not name:
        raise ConfigError(f"{where}: metadata.name is missing")
    _check_names(spec, (*_FIELDS, "shim", "schema"), f"{where}, spec")
    fields = {
        field: check(spec[key], f"{where}, spec.{key}")
        for key, (field, check) in _FIELDS.items()
        if spec.get(key) is not None
    }
    shim = _shim(spec.get("shim") or "Host", where)
    return ApplicationRecord(name=name, shim=shim, schema=_schema(spec.get("schema") or {}, where), **fields)


def _shim(value: Any, where: str) -> str:
    for shim in SHIMS:
        if str(value).lower() == shim.lower():
            return shim
    raise ConfigError(f"{where}: spec.shim is {value!r}; it can be Host or Wasm")


def _schema(value: Any, where: str) -> tuple[tuple[str, str], ...]:
    import json

    schemas = _mapping(value, where, "spec.schema")
    _check_names(schemas, _SCHEMAS, f"{where}, spec.schema")
    return tuple(
        (name, each if isinstance(each, str) else json.dumps(each))
        for name, each in schemas.items()
        if each is not None
    )


def _check_names(given: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for name in given:
        if name not in known:
            from difflib import get_close_matches

            near = get_close_matches(str(name), known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
            raise ConfigError(f"{where}: unknown {name!r}; {hint}")


def _mapping(value: Any, where: str, what: str) -> Mapping[str, Any]:
    if isinstance(value, dict):
        return value
    raise ConfigError(f"{where}: {what} must be a mapping, not {type(value).__name__}")


def _text(value: Any, where: str) -> str:
    if isinstance(value, (dict, list)):
        raise ConfigError(f"{where} must be text, not {type(value).__name__}")
    return str(value)


def _texts(value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise ConfigError(f"{where} must be a list, not {type(value).__name__}")
    return tuple(_text(each, where) for each in value)


def _pairs(value: Any, where: str) -> tuple[tuple[str, str], ...]:
    return tuple((str(name), _text(each, where)) for name, each in _mapping(value, where, "it").items())


def _number(value: Any, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 32:
        raise ConfigError(f"{where} must be a whole number of at least 0, not {value!r}")
    return value


_FIELDS: dict[str, tuple[str, Callable[[Any, str], Any]]] = {
    "image": ("image", _text),
    "description": ("description", _text),
    "labels": ("tags", _texts),
    "command": ("command", _text),
    "arguments": ("arguments", _texts),
    "environments": ("environments", _pairs),
    "working_directory": ("working_directory", _text),
    "max_instances": ("max_instances", _number),
    "delay_release": ("delay_release", _number),
    "url": ("url", _text),
    "installer": ("installer", _text),
}
