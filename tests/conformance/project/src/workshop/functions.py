"""Functions of every kind."""

from __future__ import annotations

import functools
import os
import time
from pathlib import Path


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def scale(value: float, factor: float = 2, *, offset: float = 0) -> float:
    return value * factor + offset


def collect(*args: object, **kwargs: object) -> tuple[tuple[object, ...], dict[str, object]]:
    return args, kwargs


def identity(value: object) -> object:
    return value


def nothing() -> None:
    return None


def process_id() -> int:
    return os.getpid()


def where_am_i() -> str:
    return __file__


def kind_of(value: object) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"


def size_of(value: bytes | str) -> int:
    return len(value)


def plain_decorator(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs) + 1

    return wrapper


@plain_decorator
def decorated(a: int) -> int:
    """Return one more than ``a``."""
    return a


def wait_for_file(path: str, seconds: float = 20) -> str:
    """Block until a file exists; the tests say when."""
    deadline = time.monotonic() + seconds
    while not Path(path).exists():
        if time.monotonic() > deadline:
            raise TimeoutError(path)
        time.sleep(0.002)
    return path


def announce(path: str) -> int:
    """Create a file, and say who did."""
    Path(path).write_text(str(os.getpid()))
    return os.getpid()


def announce_and_wait(mine: str, others: str) -> str:
    announce(mine)
    return wait_for_file(others)


def meet(folder: str, number: int, count: int) -> int:
    """Return when ``count`` of us run at the same time."""
    announce(f"{folder}/{number}")
    for other in range(count):
        wait_for_file(f"{folder}/{other}")
    return os.getpid()


def append(path: str, text: str) -> None:
    """Add to a file in one piece."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, text.encode())
    os.close(file)


def sleep_for_ever(path: str | None = None) -> None:
    if path:
        announce(path)
    while True:
        time.sleep(1000)


def spin_for_ever(path: str | None = None) -> None:
    if path:
        announce(path)
    number = 0
    while True:
        number += 1


def swallow_interrupts(path: str | None = None) -> None:
    """The rudest of tasks: nothing but SIGKILL ends it."""
    if path:
        announce(path)
    while True:
        try:
            time.sleep(1000)
        except BaseException:  # noqa: BLE001
            pass


def count_up(number: int) -> int:
    """Keep the interpreter to itself: nothing else of this process runs meanwhile."""
    return sum(range(number))


def total(numbers: list[int]) -> int:
    return sum(numbers)


def speak(text: str) -> None:
    print(text)


def fibonacci(service, n: int) -> int:
    if n < 2:
        return n
    return service(service, n - 1).get() + service(service, n - 2).get()


def countdown(service, n: int) -> int:
    return 0 if n == 0 else 1 + service(service, n - 1).get()


def call_twice(service, value: int) -> int:
    return service(value).get() + service(value).get()


def call_method(service, value: int) -> int:
    service.add(value)
    return service.get_counter().get()


def call_by_name(name: str, *args: object) -> object:
    """Call another function of this module."""
    return globals()[name](*args)
