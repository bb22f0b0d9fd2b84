"""The smallest program: start, one result, exit."""

import time

import loky
import work

if __name__ == "__main__":
    idle = work.idle()
    with loky.ProcessPoolExecutor(2) as pool:
        assert pool.submit(work.add, 1, 2).result() == 3
        print(time.perf_counter(), flush=True)
        if idle:
            list(pool.map(work.pid, [0.1, 0.1]))
            work.pause()
