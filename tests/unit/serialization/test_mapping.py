"""Mapped files hold no descriptor, and live as long as anybody looks."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flamepy.serialization.mapping import map_file

SIZE = os.sysconf("SC_PAGE_SIZE")


@pytest.fixture
def descriptor(tmp_path):
    opened = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    os.ftruncate(opened, SIZE)
    yield opened
    os.close(opened)


def test_writes_reach_the_file(descriptor):
    view = memoryview(map_file(descriptor, SIZE)).cast("B")
    view[:5] = b"hello"
    assert os.pread(descriptor, 5, 0) == b"hello"
    os.pwrite(descriptor, b"J", 0)
    assert bytes(view[:5]) == b"Jello"


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
def test_no_descriptor_stays_open(descriptor):
    map_file(descriptor, SIZE)
    before = len(os.listdir("/proc/self/fd"))
    kept = [map_file(descriptor, SIZE) for _ in range(100)]
    assert len(os.listdir("/proc/self/fd")) == before
    assert len(kept) == 100


def test_a_view_outlives_the_mapping(descriptor):
    mapping = map_file(descriptor, SIZE)
    view = memoryview(mapping).cast("B").toreadonly()[1:3]
    os.pwrite(descriptor, b"abc", 0)
    del mapping
    assert bytes(view) == b"bc"


@pytest.mark.skipif(not os.path.exists("/proc/self/maps"), reason="needs /proc")
def test_without_views_it_is_unmapped(descriptor, tmp_path):
    mapping = map_file(descriptor, SIZE)
    assert str(tmp_path) in Path("/proc/self/maps").read_text()
    del mapping
    assert str(tmp_path) not in Path("/proc/self/maps").read_text()


def test_an_impossible_mapping_is_an_error(tmp_path):
    closed = os.open(tmp_path, os.O_RDONLY)
    os.close(closed)
    with pytest.raises(OSError, match="descriptor"):
        map_file(closed, SIZE)
