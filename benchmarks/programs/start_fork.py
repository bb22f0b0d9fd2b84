"""The smallest program: start, one result, exit."""

import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor

import work

if __name__ == "__main__":
    idle = work.idle()
    with ProcessPoolExecutor(2, multiprocessing.get_context("fork")) as pool:
        assert pool.submit(work.add, 1, 2).result() == 3
        print(time.perf_counter(), flush=True)
        if idle:
            list(pool.map(work.pid, [0.1, 0.1]))
            work.pause()
