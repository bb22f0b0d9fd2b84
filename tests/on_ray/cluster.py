"""A real Ray of two nodes, for as long as standard input is open; says its address and client port on standard output.

Small object stores, no dashboard, a health check that notices a lost node within seconds. A line on standard input
has it killed without a word.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

STORE_BYTES = 150 << 20
CPUS = 2

SYSTEM = {"health_check_period_ms": 1000, "worker_niceness": 0}
"""A lost node is noticed within seconds, and executors are not behind everything else on this machine."""
VARIABLES = ("RAY_ADDRESS", "FLAMEPY_TEST_RAY_CLIENT")


def main() -> None:
    from ray.cluster_utils import Cluster

    settings = {"num_cpus": CPUS, "object_store_memory": STORE_BYTES}
    head = {"include_dashboard": False, "_system_config": SYSTEM}
    port = free_port() if "--client" in sys.argv else 0
    if port:
        head["ray_client_server_port"] = port
    cluster = Cluster(initialize_head=True, head_node_args={**settings, **head})
    if "--alone" not in sys.argv:
        cluster.add_node(**settings)
    print(cluster.address, port, flush=True)
    if sys.stdin.readline():
        for node in cluster.list_all_nodes():
            node.kill_all_processes(check_alive=False, allow_graceful=False)
    else:
        cluster.shutdown()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def running(*options: str) -> Iterator[subprocess.Popen[str]]:
    """Start a cluster; its address is in ``RAY_ADDRESS`` meanwhile, for us and whoever we start.

    Args:
        options: ``--client``: with a port for Ray clients, then in ``FLAMEPY_TEST_RAY_CLIENT``; ``--alone``: one node.
    """
    process = subprocess.Popen(
        [sys.executable, __file__, *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={name: value for name, value in os.environ.items() if not name.startswith("COV")},
        start_new_session=True,  # Ctrl-C is for the tests
    )
    assert process.stdin is not None
    assert process.stdout is not None
    before = {name: os.environ.get(name) for name in VARIABLES}
    try:
        words = process.stdout.readline().split()
        assert words, "Ray did not start"
        os.environ.update(zip(VARIABLES, words, strict=True))
        yield process
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        process.stdin.close()
        process.wait(60)
        process.stdout.close()


if __name__ == "__main__":
    main()
