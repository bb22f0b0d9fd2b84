"""The smallest program: start, one result, exit."""

import time

import work

import flamepy

idle = work.idle()

with flamepy.FlameRunner("start") as runner:
    assert runner.service(work.add, instances=2 if idle else None)(1, 2).get() == 3
    print(time.perf_counter(), flush=True)
    if idle:
        work.pause()
