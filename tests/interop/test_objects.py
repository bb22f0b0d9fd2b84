"""Upstream's object cache client against our cache."""

from __future__ import annotations

import pickle

import pytest

from flamepy.server.objects import CacheSettings, ObjectCache
from flamepy.wire.cache import CacheClient
from flamepy.wire.objects import ObjectRef

pytestmark = pytest.mark.timeout(240)  # the first one installs upstream's flamepy

ALL = ["values", "updates", "patches", "arrays", "tables", "large", "files", "deletes"]


@pytest.fixture(params=["memory", "disk"])
def cache(request, tmp_path):
    data = tmp_path / "data" if request.param == "disk" else None
    with ObjectCache(CacheSettings("grpc://127.0.0.1:0", data=data)) as started:
        yield started


def test_every_call_of_upstream_s_client_works(either, cache):
    assert either.run("objects.py", FLAME_CACHE_ENDPOINT=cache.endpoint).split() == ALL
    assert cache.statistics()["objects"] == 0
    assert cache.statistics()["not_modified"] >= 6


def test_objects_survive_a_small_memory(upstream, tmp_path):
    settings = CacheSettings("grpc://127.0.0.1:0", data=tmp_path / "data", max_bytes=1000)
    with ObjectCache(settings) as cache:
        assert upstream.run("objects.py", FLAME_CACHE_ENDPOINT=cache.endpoint).split() == ALL
        assert cache.statistics()["loads"] > 10


def test_each_reads_what_the_other_writes(ours, upstream, cache):
    for writer, reader in ((ours, upstream), (upstream, ours)):
        written = writer.run("write.py", FLAME_CACHE_ENDPOINT=cache.endpoint).split()
        printed = reader.run("write.py", "read", *written, FLAME_CACHE_ENDPOINT=cache.endpoint)
        assert printed == writer.run("write.py", "read", *written, FLAME_CACHE_ENDPOINT=cache.endpoint)
        assert printed.startswith("{'a': 1}\narray([[0, 1, 2],")


def test_our_client_reads_what_upstream_writes(upstream, cache):
    refs = [
        ObjectRef.decode(bytes.fromhex(line))
        for line in upstream.run("write.py", FLAME_CACHE_ENDPOINT=cache.endpoint).split()
    ]
    client = CacheClient(cache.endpoint)
    assert pickle.loads(client.read(refs[0])[4:]) == {"a": 1}
    assert bytes(client.read(refs[1])[:4]) == b"FLM\x01"
    assert client.get(refs[2]).table.to_pydict() == {"x": [1, 2]}
    assert [bytes(patch[:4]) for patch in client.get(refs[3]).patches] == [b"FLM\x00"]


def test_upstream_reads_what_our_client_writes(upstream, cache):
    client = CacheClient(cache.endpoint)
    refs = [client.put("ours/s", b"FLM\x00", pickle.dumps([1, 2])), client.put("ours/s", pickle.dumps("plain"))]
    printed = upstream.run(
        "write.py", "read", *(ref.encode().hex() for ref in refs), FLAME_CACHE_ENDPOINT=cache.endpoint
    )
    assert printed.splitlines() == ["[1, 2]", "'plain'"]
