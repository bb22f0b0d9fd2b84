"""Lines of tasks: whole, in order, whatever is written."""

from __future__ import annotations

import os

from flamepy.runtime import output
from flamepy.runtime.output import LONGEST_LINE, LineWriter


def writer():
    lines: list[str] = []
    return LineWriter(lines.append, 1), lines


def test_only_whole_lines_go_out():
    out, lines = writer()
    out.write(b"one")
    assert lines == []
    out.write(b" line\nand ano")
    out.write(b"ther\n")
    assert lines == ["one line", "and another"]


def test_many_lines_at_once_are_one_message():
    out, lines = writer()
    out.write(b"1\n2\n3\nrest")
    assert lines == ["1\n2\n3"]
    out.finish()
    assert lines == ["1\n2\n3", "rest"]
    out.finish()
    assert len(lines) == 2


def test_garbage_is_shown_as_such():
    out, lines = writer()
    out.write(b"\xff\xfe\n")
    assert lines == ["\\xff\\xfe"]


def test_a_line_without_an_end():
    out, lines = writer()
    for _ in range(3):
        out.write(b"x" * LONGEST_LINE)
    out.finish()
    assert "".join(lines) == "x" * (3 * LONGEST_LINE)


def test_its_descriptor_is_the_real_one():
    out, _ = writer()
    assert out.fileno() == 1
    assert out.writable()


def test_restore_writes_to_the_descriptors(capfd, monkeypatch):
    import sys

    for name in ("stdout", "stderr", "__stdout__", "__stderr__"):
        monkeypatch.setattr(sys, name, getattr(sys, name))
    output.restore()
    print("by way of 1")
    sys.stderr.write("by way of 2\n")
    os.write(1, b"raw\n")
    said = capfd.readouterr()
    assert (said.out, said.err) == ("by way of 1\nraw\n", "by way of 2\n")
