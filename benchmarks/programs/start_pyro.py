"""The smallest program: start a server process (two when idling), one result, exit."""

import os
import signal
import tempfile
import time

import Pyro5.api
import work

idle = work.idle()


def serve(path: str) -> int:
    """Fork a server."""
    pid = os.fork()
    if not pid:
        daemon = Pyro5.api.Daemon(unixsocket=path)
        daemon.register(Pyro5.api.expose(work.Counter), "counter")
        daemon.requestLoop()
    return pid


with tempfile.TemporaryDirectory() as folder:
    path = f"{folder}/0"
    servers = [serve(f"{folder}/{number}") for number in range(2 if idle else 1)]
    while not os.path.exists(path):
        time.sleep(0.001)
    with Pyro5.api.Proxy(f"PYRO:counter@./u:{path}") as counter:
        assert counter.add(1, 2) == 3
        print(time.perf_counter(), flush=True)
        if idle:
            work.pause()
    for server in servers:
        os.kill(server, signal.SIGTERM)
        os.waitpid(server, 0)
