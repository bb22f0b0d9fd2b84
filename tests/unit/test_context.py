"""Where FlameContext takes its values from, and what it says about mistakes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from flamepy.context import FlameContext, FlamePackage
from flamepy.errors import ConfigError

DOCUMENT = """---
current-cluster: flame
clusters:
  - name: flame
    endpoint: "http://flame-session-manager:8080"
    cache: "http://flame-executor-manager:9090"
    package:
      - storage: "file:///opt/example/"
        excludes:
          - "*.log"
          - "*.pkl"
  - name: laptop
    endpoint: local://
"""

UPSTREAM = """
current-context: prod
contexts:
  - name: prod
    cluster:
      endpoint: https://manager:8080
      tls: {ca_file: certs/ca.pem}
    cache:
      endpoint: grpcs://cache:9090
      tls: {ca_file: certs/cache.pem}
      storage: /var/cache
    package:
      excludes: ["*.pkl"]
    runner: {template: flmrun}
    token: secret-token
    environment: uv
"""


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in an empty project of an empty home."""
    for name in ("FLAME_CONFIG", "FLAME_ENDPOINT", "FLAME_CACHE_ENDPOINT", "FLAME_CLUSTER", "FLAME_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home" / ".config"))
    project = tmp_path / "home" / "project"
    (project / "deep").mkdir(parents=True)
    (project / "pyproject.toml").write_text("")
    monkeypatch.chdir(project / "deep")
    return project


def write(path: Path, text: str = DOCUMENT) -> Path:
    """Write a configuration file and its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def error_of(text: str, path: Path) -> ConfigError:
    """Return what reading a file complains about."""
    with pytest.raises(ConfigError) as caught:
        FlameContext.load(write(path, text))
    return caught.value


def test_without_a_file_the_engine_is_this_machine() -> None:
    context = FlameContext()
    assert (context.endpoint, context.scheme, context.package, context.source) == ("local://", "local", None, None)


def test_the_documents_example_is_read(nowhere: Path) -> None:
    write(nowhere / "flame.yaml")
    context = FlameContext()
    assert context.cluster == "flame"
    assert context.endpoint == "http://flame-session-manager:8080"
    assert context.cache == "http://flame-executor-manager:9090"
    assert context.package == FlamePackage("file:///opt/example", excludes=["*.log", "*.pkl"])
    assert context.source == nowhere / "flame.yaml"


def test_upstreams_spelling_is_read(nowhere: Path) -> None:
    write(nowhere / "flame.yaml", UPSTREAM)
    context = FlameContext()
    assert context.endpoint == "https://manager:8080"
    assert context.ca_file == nowhere / "certs/ca.pem"
    assert context.cache == "grpcs://cache:9090"
    assert context.cache_ca_file == nowhere / "certs/cache.pem"
    assert context.package == FlamePackage(None, excludes=["*.pkl"])
    assert (context.template, context.token, context.environment) == ("flmrun", "secret-token", "uv")
    assert "secret" not in repr(context)


def test_the_nearest_file_up_to_the_project_root_wins(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = nowhere.parent
    own = write(home / ".config" / "flamepy" / "flame.yaml")
    old = write(home / ".flame" / "flame.yaml")
    write(home / "flame.yaml")  # above the project root: not looked at
    assert FlameContext().source == own
    own.unlink()
    assert FlameContext().source == old
    root = write(nowhere / "flame.yaml")
    assert FlameContext().source == root
    here = write(nowhere / "deep" / "flame.yaml")
    assert FlameContext().source == here
    named = write(home / "other.yaml")
    monkeypatch.setenv("FLAME_CONFIG", str(named))
    assert FlameContext().source == named


def test_a_file_in_a_shared_folder_above_is_not_picked_up(
    nowhere: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "shared" / "flame.yaml")
    folder = tmp_path / "shared" / "mine"
    folder.mkdir()
    monkeypatch.chdir(folder)
    assert nowhere.exists()
    assert FlameContext().source is None


def test_a_named_file_that_is_missing_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLAME_CONFIG", "/nowhere/flame.yaml")
    with pytest.raises(ConfigError, match="FLAME_CONFIG names '/nowhere/flame"):
        FlameContext()


def test_code_wins_over_environment_over_file(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(nowhere / "flame.yaml")
    monkeypatch.setenv("FLAME_ENDPOINT", "grpc://from-environment:1")
    monkeypatch.setenv("FLAME_CACHE_ENDPOINT", "grpc://cache-from-environment:2")
    assert FlameContext().endpoint == "grpc://from-environment:1"
    assert FlameContext().cache == "grpc://cache-from-environment:2"
    assert FlameContext().package is not None
    assert FlameContext(endpoint="ray").endpoint == "ray://"


def test_the_cluster_is_chosen_by_name(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(nowhere / "flame.yaml")
    assert FlameContext(cluster="laptop").endpoint == "local://"
    monkeypatch.setenv("FLAME_CLUSTER", "laptop")
    assert FlameContext().cluster == "laptop"
    assert FlameContext(cluster="flame").cluster == "flame"


def test_an_unknown_cluster_is_an_error(nowhere: Path) -> None:
    with pytest.raises(ConfigError, match="there is no flame"):
        FlameContext(cluster="flame")
    write(nowhere / "flame.yaml")
    with pytest.raises(ConfigError, match="'laptap' \\(did you mean 'laptop'\\?\\); the file has 'flame', 'laptop'"):
        FlameContext(cluster="laptap")


def test_a_token_stays_with_its_endpoint(nowhere: Path) -> None:
    write(nowhere / "flame.yaml", UPSTREAM)
    elsewhere = FlameContext(endpoint="https://other:8080")
    assert (elsewhere.token, elsewhere.ca_file) == (None, None)
    assert FlameContext(endpoint="https://manager:8080/").token == "secret-token"
    assert FlameContext(endpoint="https://other:8080", token="mine").token == "mine"


def test_replace_changes_one_thing(nowhere: Path) -> None:
    write(nowhere / "flame.yaml")
    context = FlameContext()
    changed = context.replace(environment="uv")
    assert (changed.environment, changed.endpoint, changed.package) == ("uv", context.endpoint, context.package)


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("excludes:", "exclude:", 9, "unknown key 'exclude' in 'package' (did you mean 'excludes'?)"),
        ('endpoint: "http', 'endpont: "http', 5, "unknown key 'endpont'"),
        ("http://flame-session", "htp://flame-session", 5, "unknown scheme 'htp' (did you mean 'http'?)"),
        ("current-cluster: flame", "current-cluster: flume", 2, "no cluster is named 'flume' (did you mean 'flame'?)"),
        ("current-cluster", "current-clusters", 2, "did you mean 'current-cluster'?"),
        ('storage: "file:///opt/example/"', "storage: /opt/example", 8, "write 'file:///opt/example'"),
        ('storage: "file:///opt/example/"', "storage: 3", 8, "'storage' must be text, not a number"),
        ('storage: "file:///opt/example/"', 'storage: "file://opt/example"', 8, "write 'file:///opt/example'"),
        ("name: laptop", "name: 7", 12, 'put it in quotes, "7"'),
        ('      - storage: "file:///opt/example/"\n        ', "      - ", 8, "'package' has no 'storage'"),
        ('cache: "http', 'cache: "s3', 6, "unknown scheme 's3'"),
        ('"*.pkl"', "{a: b}", 11, "'excludes' must be text, not a mapping"),
        ("  - name: laptop\n    endpoint", "  - endpoint", 12, "has no 'name'"),
        ("endpoint: local://", "environment: conda", 13, "environment 'conda' is unknown; known are current, uv"),
        ("endpoint: local://", "endpoint: local://\n    endpoint: ray", 14, "'endpoint' is given twice"),
        ("  - name: flame\n", "  - name: [flame\n", 5, "not valid YAML"),
    ],
)
def test_mistakes_are_named_with_their_line(old: str, new: str, line: int, message: str, tmp_path: Path) -> None:
    assert old in DOCUMENT
    path = tmp_path / "flame.yaml"
    error = error_of(DOCUMENT.replace(old, new, 1), path)
    assert message in str(error)
    assert f"{path}:{error.line}:" in str(error)
    assert (error.path, error.line) == (path, line)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("clusters: {}", "'clusters' must be a list"),
        ("- a", "the file must be a mapping"),
        ("clusters: [{name: a}, {name: b}]", "several clusters: say which one"),
        ("current-cluster: a", "'clusters' is missing"),
        ("clusters: []\ncontexts: []", "two spellings"),
        ("contexts: [{name: a, clusters: {}}]", "unknown key 'clusters' in an entry of 'contexts'"),
        ("clusters: [{name: a, package: []}]", "'package' must have one entry, not 0"),
        ("clusters: [{name: a, endpoint: 'http://'}]", "names no host"),
        ("a: 1\n---\nb: 2", "not valid YAML"),
    ],
)
def test_wrong_shapes_are_named(text: str, message: str, tmp_path: Path) -> None:
    assert message in str(error_of(text, tmp_path / "flame.yaml"))


def test_a_file_that_is_no_text_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "flame.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not a YAML text file"):
        FlameContext.load(tmp_path / "flame.yaml")
    with pytest.raises(ConfigError, match="cannot be read"):
        FlameContext.load(tmp_path)


def test_an_empty_file_says_nothing(tmp_path: Path) -> None:
    assert FlameContext.load(write(tmp_path / "flame.yaml", "# later\n")).endpoint == "local://"


def test_one_cluster_needs_no_current_one(tmp_path: Path) -> None:
    text = "shared: &s {cache: 'grpc://c:1'}\nclusters: [{name: a, endpoint: ray}]"
    assert "unknown key 'shared'" in str(error_of(text, tmp_path / "flame.yaml"))
    merged = "clusters: [&a {name: a, endpoint: ray}, {<<: *a, name: b}]\ncurrent-cluster: b"
    assert FlameContext.load(write(tmp_path / "flame.yaml", merged)).endpoint == "ray://"


def test_relative_storages_start_from_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "clusters: [{name: a, package: {storage: 'file://./packages'}}]"
    package = FlameContext.load(write(tmp_path / "flame.yaml", text)).package
    assert package == FlamePackage((tmp_path / "packages").as_uri())
    monkeypatch.chdir(tmp_path)
    assert FlamePackage("file://../x").storage == (tmp_path.parent / "x").as_uri()
    assert FlamePackage("file://~/x").storage == Path("~/x").expanduser().as_uri()
    assert FlamePackage("file://localhost/x").storage == "file:///x"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"endpoint": "flame"}, "has no scheme"),
        ({"endpoint": 5}, "must be text, not int"),
        ({"package": "file:///x"}, "must be a FlamePackage, not str"),
        ({"environment": "uvv"}, "did you mean 'uv'"),
        ({"cache": "x"}, "cache 'x' has no scheme"),
    ],
)
def test_wrong_arguments_are_named(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        FlameContext(**settings)  # type: ignore[arg-type]


def test_excludes_must_be_a_list() -> None:
    with pytest.raises(ConfigError, match="must be a list"):
        FlamePackage("file:///x", excludes="*.log")


def test_a_wrong_environment_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLAME_ENDPOINT", "nonsense")
    with pytest.raises(ConfigError, match="environment variable FLAME_ENDPOINT: endpoint 'nonsense'"):
        FlameContext()


def test_without_a_file_no_parser_is_loaded() -> None:
    code = (
        "import sys; from flamepy.context import FlameContext; FlameContext(); "
        "print({'yaml', 'msgspec', 'platformdirs', 'pathspec', 'difflib'} & set(sys.modules))"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "set()"


@pytest.mark.parametrize(
    ("endpoint", "cache", "url"),
    [
        ("grpc://flame:8080", None, "grpc://flame:9090"),
        ("https://flame", None, "grpcs://flame:9090"),
        ("http://flame:8080", "http://cache:1", "grpc://cache:1"),
        ("http://flame:8080", "grpc+tls://cache", "grpcs://cache:9090"),
        ("http://[::1]:8080", None, "grpc://[::1]:9090"),
        ("http://flame:8080", "grpc://[::1]", "grpc://[::1]:9090"),
    ],
)
def test_the_cache_is_named_or_beside_the_endpoint(endpoint, cache, url):
    assert FlameContext(endpoint=endpoint, cache=cache).cache_endpoint == url
