"""Packages of applications: fetched, checked, unpacked, installed once per content."""

from __future__ import annotations

import contextlib
import io
import sys
import tarfile
import textwrap
import zipfile
from pathlib import Path

import pytest
from waiting import until

from flamepy.errors import EngineError
from flamepy.server.host.download import fetch, unpack
from flamepy.wire import frontend
from flamepy.wire.proto import frontend_pb2 as asked
from server.client import SERVICE, Client


@pytest.fixture
def client(channel) -> Client:
    return Client(channel)


def tarball(path: Path, files: dict[str, str], mode: int = 0o644) -> str:
    with tarfile.open(path, "w:gz") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(text.encode()), mode
            tar.addfile(entry, io.BytesIO(text.encode()))
    return path.as_uri()


def serving(answer: str) -> str:
    return textwrap.dedent(
        f"""\
        from flamepy.server.services.serve import serve

        async def run(common, given):
            return {answer!r}.encode()

        if __name__ == "__main__":
            serve(run)
        """
    )


UPSTREAM_SERVICE = """\
import flamepy
import greeting

class Service(flamepy.FlameService):
    def on_session_enter(self, context): pass
    def on_task_invoke(self, context): return greeting.text().encode()
    def on_session_leave(self): pass

flamepy.run(Service())
"""


def test_a_binary_package_is_unpacked_and_on_the_path(client, tmp_path):
    script = f'#!/bin/sh\nexec "{sys.executable}" "{SERVICE}"\n'
    url = tarball(tmp_path / "tool.tar.gz", {"bin/my-tool": script}, mode=0o755)
    session = client.open(client.register(command="my-tool", arguments=[], installer="binary", url=url))
    seen = client.run(session)["environment"]
    assert (Path(seen["FLAME_APP_DIR"]) / "bin" / "my-tool").exists()
    assert seen["PATH"].startswith(f"{seen['FLAME_APP_DIR']}/bin:")


def test_a_new_package_under_an_old_name_is_seen(client, tmp_path):
    answers = []
    for answer in ("one", "two"):
        script = f'#!/bin/sh\nexec "{sys.executable}" "$FLAME_APP_DIR/main.py"\n'
        files = {"bin/tool": script, "main.py": serving(answer)}
        url = tarball(tmp_path / "tool.tar.gz", files, mode=0o755)
        name = "same-name"
        application = {"command": "tool", "installer": "binary", "url": url}
        request = asked.RegisterApplicationRequest(name=name, application=application)
        assert frontend.REGISTER_APPLICATION.on(client.channel)(request).return_code == 0
        session = client.open(name)
        answers.append(client.watch(session, client.submit(session)).spec.output)
        client.close(session)
        gone = asked.UnregisterApplicationRequest(name=name)
        assert frontend.UNREGISTER_APPLICATION.on(client.channel)(gone).return_code == 0
    assert answers == [b"one", b"two"]


@pytest.mark.timeout(120)
def test_a_python_project_is_installed_with_its_dependencies(client, tmp_path):
    project = '[project]\nname = "greeting"\nversion = "1"\ndependencies = ["iniconfig"]\n'
    files = {
        "pyproject.toml": project + '[tool.setuptools]\npy-modules = ["greeting"]\n',
        "greeting.py": "import iniconfig\ndef text():\n    return iniconfig.__name__\n",
        "main.py": UPSTREAM_SERVICE,
    }
    url = tarball(tmp_path / "greeting.tar.gz", files)
    application = {
        "command": sys.executable,
        "arguments": ["-c", "import sys, runpy; sys.argv = ['main']; runpy.run_module('main', run_name='__main__')"],
        "installer": "python",
        "url": url,
    }
    request = asked.RegisterApplicationRequest(name="greeting", application=application)
    assert frontend.REGISTER_APPLICATION.on(client.channel)(request).return_code == 0
    session = client.open("greeting")
    task = client.submit(session)
    state = until(
        lambda: (s := client.session(session).status) and (s.succeed or s.failed or s.events) and s, seconds=100
    )
    assert not state.events, state.events[0].message
    assert client.watch(session, task).spec.output == b"iniconfig"


@pytest.mark.parametrize(
    ("name", "data"),
    [("x.tar.gz", b"no archive"), ("x.zip", b"no archive"), ("x.whl", b"PK"), ("x.tar.gz", b"\x1f\x8b\x08\x00")],
)
def test_what_is_no_package_is_said(tmp_path, name, data):
    archive = tmp_path / "archive"
    archive.write_bytes(data)
    with pytest.raises(EngineError, match=name):
        unpack(archive, name, tmp_path / "target")


@pytest.mark.parametrize("member", ["../outside", "/tmp/outside-of-everything", "a/../../outside"])
def test_an_archive_that_would_write_elsewhere_is_refused(tmp_path, member):
    archive = tmp_path / "evil.tar.gz"
    tarball(archive, {member: "x"})
    with contextlib.suppress(EngineError):
        unpack(archive, archive.name, tmp_path / "in" / "target")
    inside = tmp_path / "in" / "target"
    written = [path for path in tmp_path.rglob("*") if path.is_file() and path != archive]
    assert all(inside in path.parents for path in written)
    assert not Path("/tmp/outside-of-everything").exists()


def test_a_link_that_leaves_the_archive_is_refused(tmp_path):
    archive = tmp_path / "evil.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "../../etc"
        tar.addfile(link)
    with pytest.raises(EngineError, match="cannot be unpacked"):
        unpack(archive, archive.name, tmp_path / "target")


def test_a_zip_keeps_its_modes(tmp_path):
    archive = tmp_path / "tool.zip"
    with zipfile.ZipFile(archive, "w") as file:
        entry = zipfile.ZipInfo("bin/tool")
        entry.external_attr = 0o755 << 16
        file.writestr(entry, "#!/bin/sh\n")
        file.writestr("../outside", "x")
    unpack(archive, archive.name, tmp_path / "target")
    assert (tmp_path / "target" / "bin" / "tool").stat().st_mode & 0o111
    assert not (tmp_path / "outside").exists()


@pytest.mark.parametrize("url", ["file:///no/such/file.tar.gz", "http://127.0.0.1:1/x.tar.gz", "s3://bucket/x", "x"])
def test_a_package_that_is_not_there_is_said(tmp_path, url):
    with pytest.raises(EngineError, match=r"cannot fetch the package|packages come by"):
        fetch(url, tmp_path / "download")
    assert not (tmp_path / "download").exists()


def test_packages_come_out_of_the_cluster_s_own_cache(client, server, tmp_path):
    from flamepy.wire.cache import CacheClient

    script = f'#!/bin/sh\nexec "{sys.executable}" "{SERVICE}"\n'
    path = tmp_path / "tool.tar.gz"
    tarball(path, {"bin/from-cache": script}, mode=0o755)
    cache = CacheClient(server.cache)
    with path.open("rb") as file:
        cache.upload("tool/pkg/tool.tar.gz", file, path.stat().st_size)
    cache.close()
    url = f"{server.cache}/tool/pkg/tool.tar.gz"
    session = client.open(client.register(command="from-cache", arguments=[], installer="binary", url=url))
    assert client.run(session)["count"] == 1
