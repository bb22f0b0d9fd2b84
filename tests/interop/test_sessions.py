"""The core client and services of either flamepy, in all four pairs, on our server."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.timeout(240)  # the first one installs upstream's flamepy


@pytest.fixture(params=["ours", "upstream"])
def worker(request):
    """Whose flamepy the service runs with."""
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("program", ["counting_client.py", "greeter_client.py"])
def test_a_client_and_a_service(either, worker, server, program):
    arguments = (str(worker.python), worker.variables.get("PYTHONPATH", ""))
    where = {"FLAME_ENDPOINT": server.endpoint, "FLAME_CACHE_ENDPOINT": server.cache}
    assert either.run(program, *arguments, **where) == "done\n"
