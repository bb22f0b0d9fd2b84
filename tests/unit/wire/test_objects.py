"""Keys, prefixes and endpoints of the object cache."""

from __future__ import annotations

import pytest

from flamepy.errors import ConfigError
from flamepy.wire.objects import MAX_KEY_BYTES, flight_location, is_prefix, split_key, split_prefix

HOSTILE = ["", "/", "a", "a/b//", "//a", "a//b", "../b/c", "a/../c", "a/b/..", "a/b/x..y", "a\\b/c/d", "a/b/c\\d"]
HOSTILE += ["a/b/\0", "a/b/\n", "a/b/c/d", "/a/b", "a/b/", "*/b/c", "a/*/c", "a/b/*", "a/b/" + "x" * MAX_KEY_BYTES]
HOSTILE += ["a/b/" + "é" * 600, "a/b/\ud800" + "x" * 1022]


@pytest.mark.parametrize("key", HOSTILE)
def test_a_hostile_key_is_refused(key):
    with pytest.raises(ValueError, match="key"):
        split_key(key)


@pytest.mark.parametrize("key", ["a/b/c", "a/b/c:1", "app.x/s-1/~.é", "a/./c", "a/b/c d"])
def test_a_key_has_three_parts(key):
    assert "/".join(split_key(key)) == key


@pytest.mark.parametrize("prefix", ["", "a", "a/", "/b", "*/b", "a/..", "a/b/c", "*/*"])
def test_a_hostile_prefix_is_refused(prefix):
    with pytest.raises(ValueError, match=r"key|prefix"):
        split_prefix(prefix, any_session=True)


def test_a_prefix_has_two_parts():
    assert split_prefix("a/b") == ("a", "b")
    assert split_prefix("a/*", any_session=True) == ("a", "*")
    with pytest.raises(ValueError, match="prefix"):
        split_prefix("a/*")
    assert is_prefix("a/b")
    assert not is_prefix("a/b/c")


@pytest.mark.parametrize(
    ("endpoint", "location"),
    [
        ("grpc://host:1", "grpc://host:1"),
        ("http://host", "grpc://host:9090"),
        ("grpcs://host:1", "grpc+tls://host:1"),
        ("https://host:1/", "grpc+tls://host:1"),
        ("grpc://[::1]:1", "grpc://[::1]:1"),
    ],
)
def test_an_endpoint_is_written_as_arrow_wants_it(endpoint, location):
    assert flight_location(endpoint) == location


@pytest.mark.parametrize("endpoint", ["host:1", "ftp://host:1", "grpc://", "grpc://host:x", "grpc://host:99999"])
def test_a_wrong_endpoint_is_refused(endpoint):
    with pytest.raises(ConfigError, match="endpoint"):
        flight_location(endpoint)
