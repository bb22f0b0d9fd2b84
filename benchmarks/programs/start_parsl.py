"""The smallest program: start, one result, exit."""

import tempfile
import time

import parsl
import work

if __name__ == "__main__":
    idle = work.idle()
    with tempfile.TemporaryDirectory() as folder:
        executor = parsl.HighThroughputExecutor(address="127.0.0.1", max_workers_per_node=2, encrypted=False)
        with parsl.load(parsl.Config(executors=[executor], run_dir=folder)):
            assert parsl.python_app(work.add)(1, 2).result() == 3
            print(time.perf_counter(), flush=True)
            if idle:
                work.pause()
