"""Upstream's Runner: ours on this machine and on our server, theirs on our server."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.timeout(240)  # the first one installs upstream's flamepy

PROGRAMS = ["pi.py", "parameters.py", "rollouts.py"]


@pytest.mark.parametrize("program", PROGRAMS)
def test_our_runner_on_the_embedded_engine(ours, program):
    assert ours.run(program) == "done\n"


@pytest.mark.parametrize("program", PROGRAMS)
def test_our_runner_on_our_server(ours, server, program):
    where = {"FLAME_ENDPOINT": server.endpoint, "FLAME_CACHE_ENDPOINT": server.cache}
    assert ours.run(program, timeout=150, **where).endswith("done\n")


@pytest.mark.parametrize("program", PROGRAMS)
def test_their_runner_on_our_server(upstream, server, program):
    where = {"FLAME_ENDPOINT": server.endpoint, "FLAME_CACHE_ENDPOINT": server.cache}
    assert upstream.run(program, timeout=150, **where).endswith("done\n")
