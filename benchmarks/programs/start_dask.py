"""The smallest program: start, one result, exit."""

import time

import distributed
import work

if __name__ == "__main__":
    idle = work.idle()
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        assert client.submit(work.add, 1, 2).result() == 3
        print(time.perf_counter(), flush=True)
        if idle:
            work.pause()
