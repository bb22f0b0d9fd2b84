"""What the measurements call, the same for every peer."""

from __future__ import annotations

import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Counter:
    """The stateful service."""

    def __init__(self) -> None:
        self.calls = 0

    def add(self, a: int, b: int) -> int:
        """Return the sum, and count the call."""
        self.calls += 1
        return a + b

    def first(self, value: Any) -> Any:
        """Return the first item of a tuple or list."""
        return value[0]

    def named(self, value: Any) -> Any:
        """Return the item of a dict by name."""
        return value["number"]

    def field(self, value: Any) -> Any:
        """Return the field of a dataclass."""
        return value.number

    def count(self) -> int:
        """Return how often `add` was called."""
        return self.calls

    def prepare(self, size: int) -> int:
        """Make an array of ``size`` bytes, to be returned by `array`."""
        import numpy as np

        self.made = np.ones(size, np.uint8)
        return size

    def array(self, number: int) -> Any:
        """Return the array, ending in ``number``."""
        self.made[-1] = number
        return self.made

    def hold(self, path: str) -> int:
        """Block until a file is there."""
        while not os.path.exists(path):
            time.sleep(0.01)
        return 0

    def pid(self) -> int:
        """Return the process that the service lives in."""
        return os.getpid()


def add(a: int, b: int) -> int:
    """Return the sum."""
    return a + b


def pid(pause: float = 0.0) -> int:
    """Return the process that this ran in, after a pause."""
    time.sleep(pause)
    return os.getpid()


def spin(seconds: float) -> int:
    """Keep a core busy for so long."""
    end = time.perf_counter() + seconds
    rounds = 0
    while time.perf_counter() < end:
        rounds += 1
    return rounds


def look(data: Any) -> tuple[int, int, int]:
    """Return the size of a buffer and its two ends."""
    return len(data), int(data[0]), int(data[-1])


def total(data: Any) -> tuple[float, float]:
    """Return the sum of an array, and the seconds that it took."""
    start = time.perf_counter()
    value = float(data.sum())
    return value, time.perf_counter() - start


def idle() -> bool:
    """Say whether this program is to idle with two executors; load numpy first if that is asked for."""
    if "numpy" in sys.argv:
        import numpy as np

        np.zeros(1)
    return "idle" in sys.argv


def pause() -> None:
    """Idle until standard input ends, after its process knows that."""
    print("idle", flush=True)
    sys.stdin.read()
