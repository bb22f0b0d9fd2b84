"""A real Ray of two nodes, for as long as standard input is open; says its address on standard output.

Small object stores, no dashboard, a health check that notices a lost node within seconds.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

STORE_BYTES = 150 << 20
CPUS = 2
START_SECONDS = 120


def main() -> None:
    from ray.cluster_utils import Cluster

    settings = {"num_cpus": CPUS, "object_store_memory": STORE_BYTES}
    head = {"include_dashboard": False, "_system_config": {"health_check_period_ms": 1000}}
    if sys.argv[1:]:
        head["ray_client_server_port"] = int(sys.argv[1])
    cluster = Cluster(initialize_head=True, head_node_args={**settings, **head})
    cluster.add_node(**settings)
    print(cluster.address, flush=True)
    sys.stdin.read()
    cluster.shutdown()


@contextmanager
def running() -> Iterator[str]:
    """Start a cluster; its address is in ``RAY_ADDRESS`` meanwhile, for us and whoever we start."""
    process = subprocess.Popen(
        [sys.executable, __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={name: value for name, value in os.environ.items() if not name.startswith("COV")},
        start_new_session=True,  # Ctrl-C is for the tests
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        address = os.environ["RAY_ADDRESS"] = process.stdout.readline().strip()
        assert address, "Ray did not start"
        yield address
    finally:
        os.environ.pop("RAY_ADDRESS", None)
        process.stdin.close()
        process.wait(60)
        process.stdout.close()


if __name__ == "__main__":
    main()
