"""Records do what named tuples do."""

from __future__ import annotations

import copy
import inspect
import marshal
import pickle
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flamepy.model.record import Record


class Mine(Record):
    """A record."""

    first: int
    second: str = "b"
    third: float = 0.5

    @property
    def both(self) -> str:
        return f"{self.first}{self.second}"


class Theirs(NamedTuple):
    """What it stands for."""

    first: int
    second: str = "b"
    third: float = 0.5


class Longer(Mine):
    """A record with one field more."""

    fourth: bool = False


NAMES = st.sampled_from(["first", "second", "third", "fourth"])
VALUES = st.integers()


@given(st.lists(VALUES, max_size=5), st.dictionaries(NAMES, VALUES))
def test_it_takes_what_a_named_tuple_takes(values, named):
    try:
        expected = Theirs(*values, **named)
    except TypeError:
        with pytest.raises(TypeError):
            Mine(*values, **named)
    else:
        assert Mine(*values, **named) == expected
        assert hash(Mine(*values, **named)) == hash(expected)


@given(st.dictionaries(NAMES, VALUES))
def test_a_copy_with_changes(changes):
    try:
        expected = Theirs(1)._replace(**changes)
    except (TypeError, ValueError):
        with pytest.raises(TypeError):
            Mine(1)._replace(**changes)
    else:
        assert Mine(1)._replace(**changes) == expected
        assert type(Mine(1)._replace(**changes)) is Mine


def test_it_is_described_like_a_named_tuple():
    assert Mine._fields == Theirs._fields
    assert Mine._field_defaults == Theirs._field_defaults
    assert Mine(1)._asdict() == Theirs(1)._asdict()
    assert repr(Mine(1)) == repr(Theirs(1)).replace("Theirs", "Mine")
    assert Mine.__doc__ == "A record."


def test_fields_are_read_by_name_and_unpacked():
    first, *rest = Mine(1, third=2.0)
    assert (first, rest) == (1, ["b", 2.0])
    assert (Mine(1).first, Mine(1).second, Mine(1).both) == (1, "b", "1b")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_it_is_pickled(protocol):
    again = pickle.loads(pickle.dumps(Longer(1, fourth=True), protocol))
    assert again == Longer(1, fourth=True)
    assert type(again) is Longer


def test_it_is_copied():
    assert type(copy.copy(Mine(1))) is type(copy.deepcopy(Mine(1))) is Mine


def test_marshal_takes_it_for_no_tuple():
    with pytest.raises(ValueError, match="unmarshallable"):
        marshal.dumps(Theirs(1))
    with pytest.raises(ValueError, match="unmarshallable"):
        marshal.dumps(Mine(1))


def test_it_does_not_change():
    record = Mine(1)
    with pytest.raises(AttributeError):
        record.first = 2
    with pytest.raises(AttributeError, match="_replace"):
        record.other = 2
    assert record == Mine(1)


def test_a_record_may_have_more_fields_than_its_base():
    assert Longer._fields == ("first", "second", "third", "fourth")
    assert Longer(1) == (1, "b", 0.5, False)


def test_errors_name_the_fields():
    with pytest.raises(TypeError, match=r"Mine\(first, second, third\) needs a value for first"):
        Mine()
    with pytest.raises(TypeError, match=r"has no place for fourth"):
        Mine(1, fourth=True)
    with pytest.raises(TypeError, match=r"has no place for 'd'"):
        Mine(1, "b", 0.5, "d")
    with pytest.raises(TypeError, match=r"has no place for first"):
        Mine(1, first=1)
    with pytest.raises(TypeError, match=r"no field 'fourth'"):
        Mine(1)._replace(fourth=True)


def test_its_signature_is_that_of_its_fields():
    assert inspect.signature(Longer) == inspect.Signature(
        [
            inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=kind)
            for name, default, kind in (
                ("first", inspect.Parameter.empty, "int"),
                ("second", "b", "str"),
                ("third", 0.5, "float"),
                ("fourth", False, "bool"),
            )
        ]
    )
