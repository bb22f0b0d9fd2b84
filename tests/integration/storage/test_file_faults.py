"""A folder that cannot take a package says why, and keeps no part of one."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from flamepy.errors import StorageError
from flamepy.packaging.storage.file import FileStorage

UPLOAD = """
import io, resource, signal, sys
from flamepy.errors import StorageError
from flamepy.packaging.storage.file import FileStorage
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    FileStorage(sys.argv[1]).upload("test", io.BytesIO(bytes(1_000_000)), 1_000_000)
except StorageError as error:
    print(error)
"""


def test_a_file_that_may_not_grow_leaves_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-c", UPLOAD, tmp_path.as_uri()]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "cannot store" in output
    assert "larger than" in output
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("needs the right to mount")
    try:
        with pytest.raises(StorageError, match="file system is full"):
            FileStorage(disk.as_uri()).upload("test", io.BytesIO(bytes(1_000_000)), 1_000_000)
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for url in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(StorageError, match="part of the path is a file"):
            FileStorage(url.as_uri()).upload("test", io.BytesIO(b"x"), 1)


def test_a_read_only_place_is_named() -> None:
    place = Path("/proc/flamepy") if sys.platform == "linux" else Path("/System/flamepy")
    with pytest.raises(StorageError, match="cannot store /"):
        FileStorage(place.as_uri()).upload("test", io.BytesIO(b"x"), 1)


def test_a_killed_upload_is_no_package(tmp_path: Path) -> None:
    code = """
import io, os, signal, sys
from flamepy.packaging.storage.file import FileStorage
class Dying(io.BytesIO):
    def read(self, size=-1):
        if self.tell() > 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().read(10)
FileStorage(sys.argv[1]).upload("test", Dying(bytes(100)), 100)
"""
    done = subprocess.run([sys.executable, "-c", code, tmp_path.as_uri()], check=False)
    assert done.returncode == -signal.SIGKILL
    storage = FileStorage(tmp_path.as_uri())
    assert storage.find("test") is None
    assert list(storage.list()) == []
    assert storage.upload("test", io.BytesIO(b"x"), 1) is True
