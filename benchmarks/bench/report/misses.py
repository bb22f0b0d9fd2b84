"""Why some bars are missed: what was looked at, with which tool, and what it showed."""

from __future__ import annotations

WHOLE = (
    "`-X importtime`, least of 8 runs: 30 ms of imports, most of them the standard library's; `strace -f` shows "
    "no wait in the client but for its first executor and, at the end, for its last one. A forked pool imports "
    "the same `concurrent.futures`, copies its own process and has no package, no second interpreter and no "
    "clean-up to do; flamepy starts a clean template process, which is what makes its executors safe beside "
    "threads and lets them outlive a killed client for the clean-up."
)
GATHER = (
    "10,000 bare `loop.create_future()`, settled and gathered with nothing else, run at 350,000 to 470,000 a "
    "second here, in the same minute in which synchronous calls with all their work run at 400,000 to 800,000: a "
    "handle, a callback and three lookups a future. No future can be gathered faster by `asyncio.gather`; "
    "`flamepy.gather`, which takes what is there and waits for the rest in turn, is the row above."
)
FRESH = (
    "Fresh pages are what costs, 2 µs each; two threads write two files of the segment side by side. The five rounds "
    "took 198 to 326 ms beside 228 to 303 of Ray: on another day, with these two alone, it was 0.72."
)
REFERENCE = (
    "Stamped on both sides: submitting 0.13 ms, from there to the first line of the task 0.12, from its end to "
    "the value 0.14 to 0.2; `strace` shows one send and one receive a side and no mapping, decoding the reference "
    "takes 0.02. What is left is cold: a call without any argument takes 0.14 to 0.28 ms, too, when its client "
    "has computed for 1 ms before it (13 µs otherwise), because both ends sleep and 64 MiB have gone through the "
    "caches meanwhile. Watching the socket for 0.4 ms in place of 0.12, and waking shortly before a foreseen end, "
    "changed nothing measurable."
)
GROWTH = (
    "With the cyclic garbage collector off the ratio was 1.4 in place of 1.9; the rest is memory: 222 bytes a task "
    "are far more than the caches hold at a million, and every task is touched twice. There is no list that is "
    "searched and no table that is resized: 10,000 and 100,000 outstanding cost the same."
)
FLOOD = (
    "Between two calls the client submits a thousand others for about 1 ms, so both ends of the measured service "
    "sleep. Against a call in the same rhythm without a flood, the next row, the flood itself costs next to "
    "nothing."
)

REASONS = {
    "512 MiB argument, first touch": FRESH,
    "whole process: start, one result, exit": WHOLE,
    "the same, its stretch": WHOLE,
    "the same with asyncio's own gather": GATHER,
    "64 MiB by reference, above the work": REFERENCE,
    "cost of a task, most outstanding": GROWTH,
    "round trip while another service is flooded": FLOOD,
    "the first one after all of the flood": FLOOD,
}
"""By the question of the bar."""
