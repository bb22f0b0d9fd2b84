"""Fixed scenarios that count; each runs in a process of its own: ``python scenarios.py NAME [NUMBER]`` prints JSON.

Nothing here is timed. What is counted does not depend on how fast the machine is at the moment.
"""

from __future__ import annotations

import gc
import os
import sys
import time

import flamepy  # and nothing that is written in Python: what is loaded is counted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MIB = 1 << 20


class Counter:
    """The service that is called."""

    def add(self, a: int, b: int) -> int:
        return a + b

    def size(self, data: Any) -> int:
        return len(data)

    def hold(self, path: str) -> None:
        while not os.path.exists(path):
            time.sleep(0.01)

    def itself(self) -> dict[str, Any]:
        return itself()


class CountingSocket:
    """Counts what goes through a socket; calls that found nothing to read don't count."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self.sent = self.received = self.bytes_sent = self.bytes_received = 0

    def send(self, data: bytes, *flags: int) -> int:
        sent: int = self._sock.send(data, *flags)
        self.sent += 1
        self.bytes_sent += sent
        return sent

    def recv_into(self, *arguments: Any) -> int:
        count: int = self._sock.recv_into(*arguments)
        self.received += 1
        self.bytes_received += count
        return count

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


def itself() -> dict[str, Any]:
    """What this process has open."""
    return {
        "threads": len(os.listdir("/proc/self/task")),
        "descriptors": len(os.listdir("/proc/self/fd")),
        "modules": sorted(sys.modules),
    }


def counted(service: Any) -> CountingSocket:
    """Count what goes to and comes from the one executor of a service, from now on."""
    (link,) = service._flame_session.links
    link.socket = CountingSocket(link.socket)
    found: CountingSocket = link.socket
    return found


def written() -> int:
    """Bytes that this process has handed to ``write()``; sends on sockets are not among them."""
    with open("/proc/self/io") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("wchar:"))


# ---- scenarios


def messages(runner: flamepy.FlameRunner) -> dict[str, int]:
    """Messages of round trips, of pipelined calls, and of a large argument."""
    service = runner.service(Counter())
    for number in range(50):
        service.add(number, 1).get()
    socket = counted(service)
    for number in range(1000):
        service.add(number, 1).get()
    trips = (socket.sent, socket.received, socket.bytes_sent, socket.bytes_received)
    flamepy.get([service.add(number, 1) for number in range(10_000)])
    return {
        "trip_sent": trips[0],
        "trip_received": trips[1],
        "trip_bytes_sent": trips[2],
        "trip_bytes_received": trips[3],
        "pipelined_sent": socket.sent - trips[0],
        "pipelined_received": socket.received - trips[1],
        "pipelined_bytes_sent": socket.bytes_sent - trips[2],
    }


def large(runner: flamepy.FlameRunner) -> dict[str, Any]:
    """Bytes that are written for a buffer of 64 MiB, the first time and later, and how many segments there are."""
    from flamepy.engines.linked import duties

    duties.TRIM_SECONDS = 3600.0  # on a busy machine a step takes so long that unused segments would be given back
    service = runner.service(Counter())
    service.add(1, 2).get()
    socket = counted(service)
    data = bytearray(64 * MIB)
    steps = []
    for _ in range(6):
        before = written()
        service.size(data).get()
        steps.append(written() - before)
    engine: Any = runner._engine
    folder = engine.objects.folder
    sizes = [os.stat(f"{folder}/{name}").st_size for name in os.listdir(folder)]
    return {
        "written": steps,
        "sent": socket.bytes_sent,
        "segments": sum(1 for size in sizes if size >= MIB),
        "shared": sum(sizes),
    }


def blocks(runner: flamepy.FlameRunner) -> dict[str, float]:
    """Blocks of memory per call: while results are held, and after they were dropped."""
    service = runner.service(Counter())
    count = 10_000
    flamepy.get([service.add(number, 1) for number in range(count)])
    for number in range(count):
        service.add(number, 1).get()
    gc.collect()
    before = sys.getallocatedblocks()
    held = [service.add(1, 2) for _ in range(count)]
    flamepy.get(held)
    alive = sys.getallocatedblocks()
    held.clear()
    gc.collect()
    after = sys.getallocatedblocks()
    collections = sum(generation["collected"] for generation in gc.get_stats())
    for number in range(count):
        service.add(number, 1).get()
    gc.collect()
    return {
        "held": (alive - before) / count,
        "dropped": (after - before) / count,
        "later": (sys.getallocatedblocks() - after) / count,
        "cycles": (sum(generation["collected"] for generation in gc.get_stats()) - collections) / count,
    }


def waiting(runner: flamepy.FlameRunner) -> dict[str, float]:
    """Bytes per task that waits behind a long one, as the allocator counts them."""
    import tracemalloc

    service = runner.service(Counter())
    service.add(1, 2).get()
    go = f"{os.getcwd()}/go"
    first = service.hold(go)
    count = 20_000
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    tasks = [service.add(number, number) for number in range(count)]
    used = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    with open(go, "w"):
        pass
    first.get()
    assert flamepy.get(tasks) == [2 * number for number in range(count)]
    return {"bytes": used / count}


def start(runner: flamepy.FlameRunner) -> dict[str, Any]:
    """What a program and its executor have loaded and opened after the first result, and after many."""
    service = runner.service(Counter())
    service.add(1, 2).get()
    first = itself()
    executor = service.itself().get()
    flamepy.get([service.add(number, 1) for number in range(5000)])
    return {"client": first, "executor": executor, "later": itself(), "executor_later": service.itself().get()}


def trips(runner: flamepy.FlameRunner) -> dict[str, int]:
    """So many round trips and nothing else, for those who count from outside."""
    service = runner.service(Counter())
    for number in range(int(sys.argv[2])):
        service.add(number, 1).get()
    return {}


def pipelined(runner: flamepy.FlameRunner) -> dict[str, int]:
    """So many pipelined calls and nothing else."""
    service = runner.service(Counter())
    service.add(1, 2).get()
    flamepy.get([service.add(number, 1) for number in range(int(sys.argv[2]))])
    return {}


def main() -> None:
    with flamepy.FlameRunner("counts", progress=False) as runner:
        found = globals()[sys.argv[1]](runner)
    import json

    print(json.dumps(found))


if __name__ == "__main__":
    main()
