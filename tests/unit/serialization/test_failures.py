"""Exceptions cross processes: as their own type if that can be, as text in any case."""

from __future__ import annotations

import sys

import pytest

from flamepy.errors import RemoteTraceback, TaskError
from flamepy.serialization.failures import MAX_TEXT, capture, rebuild


class Picky(Exception):
    """Cannot be made from its arguments."""

    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")


class Unpicklable(Exception):
    def __reduce__(self):
        raise TypeError("never")


class Unspeakable(Exception):
    def __str__(self):
        raise ValueError("no words")


class Explosive(Exception):
    def __reduce__(self):
        return exec, ("raise SystemError('on arrival')",)


def caught(error):
    try:
        raise error
    except BaseException as raised:  # noqa: BLE001 - all kinds are wanted
        return raised


@pytest.mark.parametrize(
    "error", [ValueError("a", 1), KeyError("k"), SystemExit(3), KeyboardInterrupt(), OSError(2, "x")]
)
def test_common_ones_arrive_as_themselves(error):
    back = rebuild(capture(caught(error)))
    assert type(back) is type(error)
    assert back.args == error.args
    assert isinstance(back.__cause__, RemoteTraceback)
    assert "caught" in str(back.__cause__)


@pytest.mark.parametrize("error", [Picky(1, 2), Unpicklable("x"), Explosive("y")])
def test_others_arrive_as_text(error):
    back = rebuild(capture(caught(error)))
    assert isinstance(back, TaskError)
    assert type(error).__qualname__ in back.type_name
    assert str(error) in str(back)


def test_an_exception_without_words():
    name, message, text, _ = capture(caught(Unspeakable()))
    assert "Unspeakable" in name
    assert "str() of the exception failed" in message
    assert text


def test_a_giant_traceback_is_cut_in_the_middle():
    _, _, text, _ = capture(caught(ValueError("x" * (3 * MAX_TEXT))))
    assert len(text) < MAX_TEXT + 200
    assert "characters left out" in text


def test_frames_of_a_folder_are_left_out():
    _, _, text, _ = capture(caught(ValueError("here")), hide=__file__)
    assert "in caught" not in text
    assert "ValueError: here" in text


@pytest.mark.skipif(sys.version_info < (3, 11), reason="groups and notes came with 3.11")
def test_groups_and_notes():
    group = ExceptionGroup("several", [ValueError("one"), KeyError("two")])  # noqa: F821
    group.add_note("noted")
    back = rebuild(capture(caught(group)))
    assert [type(each) for each in back.exceptions] == [ValueError, KeyError]
    assert back.__notes__ == ["noted"]


def test_causes_are_in_the_text():
    try:
        try:
            raise KeyError("inner")
        except KeyError as inner:
            raise ValueError("outer") from inner
    except ValueError as error:
        _, _, text, _ = capture(error)
    assert "KeyError: 'inner'" in text
    assert "direct cause" in text


def test_lines_that_only_this_machine_can_read_are_added(tmp_path):
    program = tmp_path / "main.py"
    program.write_text("def fail():\n    raise ValueError\n")
    frames = (
        f'  File "{program}", line 2, in fail\n'
        '  File "/not/here.py", line 3, in other\n'
        '  File "<string>", line 1, in <module>\n'
        f'  File "{program}", line 1, in known\n    as it was there\n'
        f'  File "{program}", line two\n'
    )
    back = rebuild(("ValueError", "", f"Traceback\n{frames}ValueError\n", None))
    wanted = frames.replace("in fail\n", "in fail\n    raise ValueError\n")
    assert str(back.__cause__) == str(RemoteTraceback(f"Traceback\n{wanted}ValueError\n"))
