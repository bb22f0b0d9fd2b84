"""The smallest program: start, one result, exit."""

import time

import ray
import work

idle = work.idle()

ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
assert ray.get(ray.remote(work.add).remote(1, 2)) == 3
print(time.perf_counter(), flush=True)
if idle:
    work.pause()
ray.shutdown()
