"""Real storages: a folder, a WebDAV server, an S3 server, an fsspec file system, an object cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import webdav

from flamepy.packaging.storage.select import open_storage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flamepy.packaging.storage.base import Storage

BUCKET = "packages"


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """Start an S3 server in this process; yields its URL."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3_url(s3_server: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """Return the URL of an empty prefix, with the login in the environment as S3 tools expect it."""
    import boto3  # type: ignore[import-untyped]
    import s3fs

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server)
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    s3fs.S3FileSystem.clear_instance_cache()
    return f"s3://{BUCKET}/{request.node.name.replace('[', '-').strip(']')}"


@pytest.fixture
def http_url(tmp_path: Path) -> Iterator[str]:
    """Start a WebDAV server on an empty folder; yields its URL."""
    root = tmp_path / "www"
    root.mkdir()
    with webdav.serving(root) as url:
        yield url


@pytest.fixture
def cache_url() -> Iterator[str]:
    """Start a Flame object cache; yields its URL."""
    from flamepy.server.objects import CacheSettings, ObjectCache

    with ObjectCache(CacheSettings("grpc://127.0.0.1:0")) as cache:
        yield cache.endpoint


@pytest.fixture(params=["file", "http", "s3", "memory", "cache"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """Return an empty storage of each kind."""
    urls = {"file": (tmp_path / "storage").as_uri(), "memory": f"memory://{tmp_path.name}/storage"}
    url = urls.get(request.param) or request.getfixturevalue(f"{request.param}_url")
    return open_storage(url)
