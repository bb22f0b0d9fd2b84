"""Segments of several files: whatever is written into them is mapped as one, copied whole, and removed whole."""

from __future__ import annotations

import errno
import itertools
import os
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flamepy.serialization import stripes

PAGE = os.sysconf("SC_PAGE_SIZE")


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Segments of two pages are large here."""
    monkeypatch.setattr(stripes, "STRIPED", 2 * PAGE)


@st.composite
def layouts(draw):
    """Pages of a segment, and what goes where."""
    pages = draw(st.integers(1, 12))
    bounds = draw(st.lists(st.integers(0, pages * PAGE), max_size=8))
    edges = sorted({*bounds, 0, pages * PAGE})
    chunks = [(a, os.urandom(b - a)) for a, b in itertools.pairwise(edges) if draw(st.booleans())]
    return pages * PAGE, chunks


@given(layouts(), st.integers(1, 5))
def test_what_is_written_is_mapped_and_copied(tmp_path_factory, layout, files):
    capacity, chunks = layout
    folder = tmp_path_factory.mktemp("x")
    path = f"{folder}/e1-1"
    stripes.write(path, capacity, [(offset, memoryview(data)) for offset, data in chunks], files)
    wanted = bytearray(capacity)
    for offset, data in chunks:
        wanted[offset : offset + len(data)] = data

    assert 1 <= len(os.listdir(folder)) <= (files if capacity >= 2 * PAGE else 1)
    assert stripes.listed(str(folder), "e1-") == {"e1-1": capacity}
    assert bytes(memoryview(stripes.map_segment(path, capacity)).cast("B")) == wanted
    stripes.copy(path, capacity, f"{folder}/copy")
    assert stripes.map_segment(f"{folder}/copy", capacity)[:] == bytes(wanted)
    stripes.remove(path, capacity)
    assert os.listdir(folder) == ["copy"]


def test_two_processes_see_one_memory(tmp_path):
    path = f"{tmp_path}/s"
    stripes.write(path, 6 * PAGE, [], 3)
    assert sorted(os.listdir(tmp_path)) == ["s", "s~1", "s~2"]
    one, other = (memoryview(stripes.map_segment(path, 6 * PAGE)).cast("B") for _ in range(2))
    one[PAGE - 2 : 5 * PAGE] = bytes([7]) * (4 * PAGE + 2)
    assert bytes(other) == bytes(PAGE - 2) + bytes([7]) * (4 * PAGE + 2) + bytes(PAGE)
    stripes.remove(path, 6 * PAGE)
    assert one[PAGE] == 7, "what is mapped keeps its memory"


def test_a_segment_that_is_half_there_is_not_there(tmp_path):
    path = f"{tmp_path}/s"
    stripes.write(path, 6 * PAGE, [], 3)
    os.unlink(f"{path}~1")
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(FileNotFoundError):
        stripes.map_segment(path, 6 * PAGE)
    assert len(os.listdir("/proc/self/fd")) == before
    stripes.remove(path, 6 * PAGE)
    assert os.listdir(tmp_path) == ["s~2"], "the engine's end removes the folder"


def test_no_room_in_any_of_the_files_is_an_error_and_no_descriptor_stays(tmp_path, monkeypatch):
    real = os.pwrite
    ours = threading.get_ident()

    def full_elsewhere(file, data, offset):
        if threading.get_ident() != ours:
            raise OSError(errno.ENOSPC, "no room")
        return real(file, data, offset)

    monkeypatch.setattr(os, "pwrite", full_elsewhere)
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(OSError, match="no room"):
        stripes.write(f"{tmp_path}/s", 4 * PAGE, [(0, memoryview(bytes(4 * PAGE)))], 2)
    assert len(os.listdir("/proc/self/fd")) == before
    stripes.remove(f"{tmp_path}/s", 4 * PAGE)
    assert os.listdir(tmp_path) == []


def test_a_name_that_is_taken_is_an_error_and_no_descriptor_stays(tmp_path):
    (tmp_path / "s~1").touch()
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(FileExistsError):
        stripes.write(f"{tmp_path}/s", 4 * PAGE, [], 2)
    assert len(os.listdir("/proc/self/fd")) == before


def test_where_no_thread_can_be_started_it_is_written_all_the_same(tmp_path, monkeypatch):
    def refuse(*_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(stripes, "start_new_thread", refuse)
    data = os.urandom(4 * PAGE)
    stripes.write(f"{tmp_path}/s", 4 * PAGE, [(0, memoryview(data))], 2)
    assert bytes(memoryview(stripes.map_segment(f"{tmp_path}/s", 4 * PAGE)).cast("B")) == data


def test_what_was_written_can_change_its_size_at_once(tmp_path):
    for number in range(200):
        data = bytearray(4 * PAGE)
        stripes.write(f"{tmp_path}/{number}", 4 * PAGE, [(0, memoryview(data))], 4)
        data.append(1)
