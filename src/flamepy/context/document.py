"""Read flame.yaml: every value is checked, every mistake is named with its line.

The document is walked as YAML nodes and not as built values, because nodes know their lines. Both spellings are read:
``current-cluster`` with ``clusters``, and ``current-context`` with ``contexts``, whose endpoint is one level deeper.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from flamepy.context.urls import ENVIRONMENTS, check_cache, check_endpoint, check_storage, nearest
from flamepy.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from yaml import MappingNode, Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelling:
    """One way to write the file: the key that selects, the list that it selects from, and an entry's keys."""

    current: str
    entries: str
    keys: Mapping[str, Callable[[_Reader, Node], dict[str, Any]]]


def read_config(path: Path, cluster: str | None = None) -> dict[str, Any]:
    """Read one cluster of a file.

    Args:
        path: The file.
        cluster: Which cluster; None for the one that the file calls current, or its only one.

    Returns:
        What the file says, by the field names of `flamepy.FlameContext`; ``package`` is a dict of its own.

    Raises:
        ConfigError: The file cannot be read, is not YAML, or holds something unknown or wrong.
    """
    import yaml

    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = None if mark is None else mark.line + 1
        where = path if line is None else f"{path}:{line}"
        raise ConfigError(f"{where}: not valid YAML: {error.problem or error.context}", path=path, line=line) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not a YAML text file: {error}", path=path, line=None) from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}", path=path, line=None) from error
    return _Reader(path).document(root, cluster)


class _Reader:
    def __init__(self, path: Path) -> None:
        self.path = path

    def fail(self, node: Node, message: str) -> NoReturn:
        line = node.start_mark.line + 1
        raise ConfigError(f"{self.path}:{line}: {message}", path=self.path, line=line)

    def document(self, root: Node | None, cluster: str | None) -> dict[str, Any]:
        if root is None:
            return {}
        top = self.mapping(root, "the file", [word for s in SPELLINGS for word in (s.current, s.entries)])
        used = [spelling for spelling in SPELLINGS if spelling.current in top or spelling.entries in top]
        if len(used) > 1:
            self.fail(root, "'clusters' and 'contexts' are two spellings of the same thing: keep one of them")
        if not used:
            return {}
        return self.entry(root, top, used[0], cluster)

    def entry(self, root: Node, top: dict[str, Node], spelling: Spelling, cluster: str | None) -> dict[str, Any]:
        entries = top.get(spelling.entries)
        if entries is None:
            self.fail(root, f"{spelling.entries!r} is missing")
        read = [self.cluster(node, spelling) for node in self.sequence(entries, spelling.entries)]
        names = [entry["name"] for entry in read]
        current = top.get(spelling.current)
        wanted, node = cluster, entries
        if wanted is None and current is not None:
            wanted, node = self.text(current, spelling.current), current
        if wanted is None and len(read) == 1:
            return read[0]
        if wanted is None:
            self.fail(root, f"several {spelling.entries}: say which one with '{spelling.current}: {names[:1] or ''}'")
        for entry in read:
            if entry["name"] == wanted:
                return entry
        known = ", ".join(map(repr, names)) or "none"
        self.fail(node, f"no cluster is named {wanted!r}{nearest(wanted, names)}; the file has {known}")

    def cluster(self, node: Node, spelling: Spelling) -> dict[str, Any]:
        what = f"an entry of {spelling.entries!r}"
        keys = self.mapping(node, what, list(spelling.keys))
        if "name" not in keys:
            self.fail(node, f"{what} has no 'name'")
        result: dict[str, Any] = {}
        for key, value in keys.items():
            result.update(spelling.keys[key](self, value))
        return result

    def mapping(self, node: Node, what: str, known: list[str]) -> dict[str, Node]:
        """Return the values by key; keys without a value are left out."""
        import yaml

        if not isinstance(node, yaml.MappingNode):
            self.fail(node, f"{what} must be a mapping (key: value), not {_kind(node)}")
        self.no_duplicates(node, what)
        yaml.constructor.SafeConstructor().flatten_mapping(node)  # << merges: what comes later wins
        for key, _ in _pairs(node):
            if key.value not in known:
                hint = nearest(str(key.value), known)
                self.fail(key, f"unknown key {key.value!r} in {what}{hint}; known are {', '.join(known)}")
        given = {str(key.value): value for key, value in _pairs(node)}
        return {name: value for name, value in given.items() if value.tag != "tag:yaml.org,2002:null"}

    def no_duplicates(self, node: MappingNode, what: str) -> None:
        seen = set()
        for key, _ in _pairs(node):
            if str(key.value) in seen:
                self.fail(key, f"{key.value!r} is given twice in {what}")
            seen.add(str(key.value))

    def sequence(self, node: Node, what: str) -> list[Node]:
        import yaml

        if not isinstance(node, yaml.SequenceNode):
            self.fail(node, f"{what!r} must be a list (- item), not {_kind(node)}")
        return list(node.value)

    def text(self, node: Node, what: str) -> str:
        if node.tag != "tag:yaml.org,2002:str":
            hint = f': put it in quotes, "{node.value}"' if isinstance(node.value, str) else ""
            self.fail(node, f"{what!r} must be text, not {_kind(node)}{hint}")
        if not node.value.strip():
            self.fail(node, f"{what!r} is empty")
        return str(node.value)

    def checked(self, node: Node, what: str, check: Callable[[str], str]) -> str:
        try:
            return check(self.text(node, what))
        except ConfigError as error:
            if getattr(error, "path", None) is not None:
                raise
            self.fail(node, str(error))


def _kind(node: Node) -> str:
    tag = node.tag.rpartition(":")[2]
    names = {"seq": "a list", "map": "a mapping", "null": "nothing", "int": "a number", "float": "a number"}
    return names.get(tag, f"{tag} ({node.value!r})")


def _pairs(node: MappingNode) -> list[tuple[Node, Node]]:
    return list(node.value)


def _name(reader: _Reader, node: Node) -> dict[str, Any]:
    return {"name": reader.text(node, "name")}


def _endpoint(reader: _Reader, node: Node) -> dict[str, Any]:
    return {"endpoint": reader.checked(node, "endpoint", check_endpoint)}


def _token(reader: _Reader, node: Node) -> dict[str, Any]:
    return {"token": reader.text(node, "token")}


def _tls(field: str) -> Callable[[_Reader, Node], dict[str, Any]]:
    def read(reader: _Reader, node: Node) -> dict[str, Any]:
        keys = reader.mapping(node, "'tls'", ["ca_file"])
        if "ca_file" not in keys:
            return {}
        return {field: (reader.path.parent / reader.text(keys["ca_file"], "ca_file")).expanduser()}

    return read


def _cache(reader: _Reader, node: Node) -> dict[str, Any]:
    if isinstance(node.value, str):
        return {"cache": reader.checked(node, "cache", check_cache)}
    # `storage` is how upstream's client writes cache files by itself: known, of no use here.
    keys = reader.mapping(node, "'cache'", ["endpoint", "tls", "storage"])
    result = _tls("cache_ca_file")(reader, keys["tls"]) if "tls" in keys else {}
    if "endpoint" in keys:
        result["cache"] = reader.checked(keys["endpoint"], "endpoint", check_cache)
    return result


def _package(*, storage_required: bool) -> Callable[[_Reader, Node], dict[str, Any]]:
    def read(reader: _Reader, node: Node) -> dict[str, Any]:
        if isinstance(node.value, list) and node.tag.endswith(":seq"):
            items = reader.sequence(node, "package")
            if len(items) != 1:
                reader.fail(node, f"'package' must have one entry, not {len(items)}")
            node = items[0]
        keys = reader.mapping(node, "'package'", ["storage", "excludes"])
        if "storage" not in keys and storage_required:
            reader.fail(node, "'package' has no 'storage': write 'storage: file:///a/shared/folder'")
        package: dict[str, Any] = {"storage": None, "excludes": ()}
        if "storage" in keys:
            base = reader.path.resolve().parent
            package["storage"] = reader.checked(keys["storage"], "storage", lambda url: check_storage(url, base))
        if "excludes" in keys:
            patterns = reader.sequence(keys["excludes"], "excludes")
            package["excludes"] = tuple(reader.text(pattern, "excludes") for pattern in patterns)
        return {"package": package}

    return read


def _environment(reader: _Reader, node: Node) -> dict[str, Any]:
    value = reader.text(node, "environment")
    if value not in ENVIRONMENTS:
        hint = nearest(value, ENVIRONMENTS)
        reader.fail(node, f"environment {value!r} is unknown{hint}; known are {', '.join(ENVIRONMENTS)}")
    return {"environment": value}


def _runner(reader: _Reader, node: Node) -> dict[str, Any]:
    keys = reader.mapping(node, "'runner'", ["template"])
    return {"template": reader.text(keys["template"], "template")} if "template" in keys else {}


def _nested_cluster(reader: _Reader, node: Node) -> dict[str, Any]:
    readers = {"endpoint": _endpoint, "tls": _tls("ca_file"), "token": _token}
    result: dict[str, Any] = {}
    for key, value in reader.mapping(node, "'cluster'", list(readers)).items():
        result.update(readers[key](reader, value))
    return result


_SHARED = {"name": _name, "cache": _cache, "environment": _environment, "runner": _runner, "token": _token}
SPELLINGS = (
    Spelling(
        current="current-cluster",
        entries="clusters",
        keys={**_SHARED, "endpoint": _endpoint, "tls": _tls("ca_file"), "package": _package(storage_required=True)},
    ),
    Spelling(
        current="current-context",
        entries="contexts",
        keys={**_SHARED, "cluster": _nested_cluster, "package": _package(storage_required=False)},
    ),
)
