"""What the server is told, and that the pages and deploy/ say the same."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from flamepy.errors import ConfigError
from flamepy.server import config as settings
from flamepy.server.records import Need

ROOT = Path(__file__).parents[2]

FULL = """
cluster:
  name: workstation
  endpoint: "https://10.0.0.1:8443"
  data: /srv/flame
  storage: none
  synchronous: full
  resreq: "cpu=2,mem=2g,gpu=1"
  resources: "cpu=64,mem=256Gi,gpu=8"
  sdk: ""
  policies: [priority, drf]
  limits: {max_sessions: 10, max_executors: 20}
  recovery: {session: {retry_limits: 3}}
  tls: {cert_file: c.pem, key_file: k.pem, ca_file: a.pem}
cache:
  endpoint: "grpcs://10.0.0.1:9090"
  network_interface: eth0
  eviction: {policy: lru, max_memory: 4g}
"""


def read(tmp_path: Path, text: str) -> settings.Config:
    path = tmp_path / "flame-cluster.yaml"
    path.write_text(text)
    return settings.read(path, {})


def test_everything(tmp_path):
    config = read(tmp_path, FULL).checked()
    assert (config.name, config.endpoint, config.cache) == (
        "workstation",
        "https://10.0.0.1:8443",
        "grpcs://10.0.0.1:9090",
    )
    assert config.need == Need(2, 2 << 30, 1)
    assert config.capacity == Need(64, 256 << 30, 8)
    assert (config.max_sessions, config.max_executors, config.retry_limit) == (10, 20, 3)
    assert config.tls == settings.Tls(Path("c.pem"), Path("k.pem"), Path("a.pem"))
    assert (config.kept, config.synchronous, config.sdk) == (False, "full", "")


@pytest.mark.parametrize("text", ["", "cluster:", "cluster: {}", "{cluster: {name: x}, cache: }"])
def test_what_is_not_said_has_its_default(tmp_path, text):
    config = read(tmp_path, text)
    assert config.endpoint == settings.DEFAULT_ENDPOINT
    assert config.need == Need(1, 1 << 30, 0)
    assert config.kept


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cluster: {endpont: x}", "unknown key 'cluster.endpont' (did you mean 'cluster.endpoint'?)"),
        ("clusters: []", "unknown key 'clusters'"),
        ("cluster: {limits: {max_sessions: many}}", "must be a whole number"),
        ("cluster: {limits: 7}", "cluster.limits must be a mapping"),
        ("cluster: {resreq: 'cpu=1,ram=2'}", "'ram=2' is none of"),
        ("cluster: {resreq: 'mem=lots'}", "no size"),
        ("cluster: {tls: {cert_file: x}}", "needs cert_file and key_file"),
        ("cluster: {storage: sqlite}", "must be 'none' or a URL"),
        ("{", "cannot be read"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, text, said):
    with pytest.raises(ConfigError, match=re.escape(said)) as caught:
        read(tmp_path, text)
    assert "flame-cluster.yaml" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("4096", 4096), ("1k", 1024), ("1KiB", 1024), ("1.5g", 3 << 29), ("2Ti", 2 << 40), ("1 GB", 1 << 30)],
)
def test_sizes(text, size):
    assert settings.size(text) == size


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("http://127.0.0.1:8080", ("127.0.0.1", 8080)),
        ("http://host", ("host", 1)),
        ("host:5", ("host", 5)),
        ("grpc://[::1]:0", ("[::1]", 0)),
    ],
)
def test_addresses(url, where):
    assert settings.address(url, 1) == where


@pytest.mark.parametrize("url", ["http://:8080", "http://host:port", "http://host:99999", "http://"])
def test_bad_addresses(url):
    with pytest.raises(ConfigError):
        settings.address(url, 1)


def test_every_key_is_in_the_reference():
    page = (ROOT / "docs/reference/flame-session-manager.md").read_text()
    assert set(re.findall(r"^\| `((?:cluster|cache)\.[\w.]+)`", page, flags=re.MULTILINE)) == settings.KEYS


def test_every_option_is_in_the_reference():
    done = subprocess.run(
        [sys.executable, "-m", "flamepy.cli.serving", "--help"], capture_output=True, text=True, check=True
    )
    shown = set(re.findall(r"^\s+(--[a-z-]+)", done.stdout, flags=re.MULTILINE)) - {"--help"}
    page = (ROOT / "docs/reference/flame-session-manager.md").read_text()
    assert set(re.findall(r"^\| `(--[a-z-]+)", page, flags=re.MULTILINE)) == shown
    unit = (ROOT / "deploy/flame-session-manager.service").read_text()
    container = (ROOT / "deploy/Containerfile").read_text()
    for text in (unit, container):
        assert set(re.findall(r"(?<=[ \"])--(?:data|endpoint|cache|web)\b", text)) <= shown
    (command,) = re.findall(r"^ExecStart=(.*)$", unit, flags=re.MULTILINE)
    assert shlex.split(command)[0].endswith("bin/flame-session-manager")


def test_the_example_of_the_page_is_good(tmp_path):
    page = (ROOT / "docs/how-to/server.md").read_text()
    (text,) = [
        block for block in re.findall(r"```yaml\n(.*?)```", page, flags=re.DOTALL) if block.startswith("cluster:")
    ]
    assert yaml.safe_load(text)
    assert read(tmp_path, text).checked()
