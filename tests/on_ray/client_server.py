"""A Ray client server for the cluster at ``RAY_ADDRESS``, for as long as standard input is open; says its port."""

from __future__ import annotations

import os
import socket
import sys
from typing import Any


def main() -> None:
    from ray.util.client.server.server import serve

    address = os.environ.pop("RAY_ADDRESS")

    def connect(job_config: Any = None, **settings: Any) -> Any:
        import ray
        from ray._private.client_mode_hook import disable_client_hook

        with disable_client_hook():
            if not ray.is_initialized():
                return ray.init(address, job_config=job_config, **settings)

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = serve("127.0.0.1", port, ray_connect_handler=connect)
    print(port, flush=True)
    sys.stdin.read()
    server.stop(0)


if __name__ == "__main__":
    main()
