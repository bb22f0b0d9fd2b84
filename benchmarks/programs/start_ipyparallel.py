"""The smallest program: start, one result, exit."""

import time

import ipyparallel
import work

idle = work.idle()

with ipyparallel.Cluster(n=2, log_level=50) as client:
    assert client[:].apply_sync(work.add, 1, 2) == [3, 3]
    print(time.perf_counter(), flush=True)
    if idle:
        work.pause()
