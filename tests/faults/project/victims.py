"""What the fault tests run in executors: code that dies in every way, at every moment."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time

BUSY = "BUSY"
"""What a task prints once it has begun."""


def die(how: str) -> None:
    """End this process, or the task, in the way named."""
    if how == "raise":
        raise ValueError("as asked")
    if how == "exit":
        os._exit(3)
    if how == "segfault":
        ctypes.string_at(0)
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "terminate":
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)
    if how == "memory":
        raise MemoryError("no more")


def echo(value: object) -> object:
    return value


def pid() -> int:
    return os.getpid()


def run(how: str) -> None:
    die(how)


def nested(service: object, how: str) -> object:
    """Die behind another call, or see the other die."""
    return service(how).get()  # type: ignore[operator]


def nested_then_die(service: object, how: str) -> None:
    """Die while another call of ours is under way."""
    service(5)  # type: ignore[operator]
    die(how)


def in_thread(how: str) -> None:
    thread = threading.Thread(target=die, args=(how,))
    thread.start()
    thread.join()


async def in_coroutine(how: str) -> None:
    await asyncio.sleep(0)
    die(how)


def in_stream(how: str) -> object:
    yield 1
    yield 2
    die(how)


async def in_async_stream(how: str) -> object:
    yield 1
    die(how)


class DiesWhenMade:
    def __init__(self) -> None:
        die(os.environ["VICTIM_HOW"])

    def ping(self) -> str:
        return "pong"


class DiesWhenUnpickled:
    """Harmless where it is made: dies in the process that unpickles it."""

    def __init__(self, how: str, where: int | None = None) -> None:
        self.how, self.where = how, os.getpid() if where is None else where

    def __reduce__(self) -> object:
        return _rise, (self.how, self.where)


def _rise(how: str, where: int) -> object:
    if os.getpid() != where:
        die(how)
    return DiesWhenUnpickled(how, where)


class DiesWhenPickled:
    def __init__(self, how: str) -> None:
        self.how = how

    def __reduce__(self) -> object:
        die(self.how)
        return DiesWhenPickled, (self.how,)


def give_unpicklable(how: str) -> object:
    return DiesWhenPickled(how)


class FailsInClient:
    """A result that cannot be unpickled by whoever asked for it."""

    def __reduce__(self) -> object:
        return _only_in, (os.getpid(),)


def _only_in(where: int) -> object:
    if os.getpid() != where:
        raise ValueError("not here")
    return FailsInClient()


def give_failing_result() -> object:
    return FailsInClient()


class Account:
    """State that can be lost."""

    def __init__(self) -> None:
        self.done: list[int] = []

    def add(self, number: int) -> int:
        self.done.append(number)
        return len(self.done)

    def list(self) -> list[int]:
        return self.done

    def die(self, how: str) -> None:
        die(how)

    def die_once(self, path: str, how: str) -> str:
        once(path, how)
        self.done.append(-1)
        return "survived"

    def pid(self) -> int:
        return os.getpid()


def once(path: str, how: str) -> str:
    """Die at the first call that mentions ``path``."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return "survived"
    die(how)
    return "unreachable"


def sleep(seconds: float) -> str:
    print(BUSY, flush=True)
    time.sleep(seconds)
    return "slept"


def mark_and_sleep(path: str, seconds: float) -> str:
    """Say by a file that the task runs, then sleep."""
    with open(path, "w") as file:
        file.write(str(os.getpid()))
    time.sleep(seconds)
    return "slept"


def spin_in_c(path: str) -> None:
    """Compute in C, where no signal handler runs, for hours."""
    with open(path, "w") as file:
        file.write(str(os.getpid()))
    sum(range(10**13))


def spin(path: str) -> None:
    with open(path, "w") as file:
        file.write(str(os.getpid()))
    while True:
        pass


def ignore_interrupts(path: str) -> None:
    with open(path, "w") as file:
        file.write(str(os.getpid()))
    while True:
        try:
            while True:
                pass
        except BaseException:  # noqa: BLE001
            continue


def start_child() -> int:
    """Start a process that would outlive us."""
    return subprocess.Popen(["sleep", "1000"]).pid


def start_child_and_wait(path: str) -> None:
    child = subprocess.Popen(["sleep", "1000"])
    with open(path, "w") as file:
        file.write(str(child.pid))
    child.wait()


def print_many(lines: int) -> str:
    for number in range(lines):
        print("line", number)
    return "printed"


def print_garbage() -> str:
    os.write(1, bytes(range(256)) * 10)
    sys.stdout.buffer.write(bytes(range(256)))
    os.write(2, b"\xff\xfe\n")
    return "printed"


def close_outputs() -> str:
    os.close(1)
    os.close(2)
    return "closed"


def print_from_child(text: str) -> str:
    subprocess.run(["echo", text], check=True)
    return "printed"


def last_words(text: str) -> None:
    os.write(2, text.encode())
    os._exit(7)


def zeros(size: int) -> bytearray:
    return bytearray(size)


def size_of(data: object) -> int:
    return len(data)  # type: ignore[arg-type]


def numbers(count: int) -> object:
    yield from range(count)


def fork_and_print() -> str:
    """Fork inside a task; the child prints and ends by way of the interpreter."""
    child = os.fork()
    if child == 0:
        print("from the fork")
        try:
            sys.exit(0)
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    return "parent"


class Retry:
    def die_then_take_time(self, path: str, seconds: float) -> str:
        time.sleep(seconds)
        return once(path, "exit") and "in time"


class SlowToMake:
    def __init__(self) -> None:
        time.sleep(1.2)

    def ping(self) -> str:
        return "pong"


async def block_the_loop(path: str) -> None:
    with open(path, "w") as file:
        file.write(str(os.getpid()))
    time.sleep(1000)


def take_and_mark(value: object, path: str) -> object:
    with open(path, "w") as file:
        file.write("ran")
    return value


def slow_numbers(seconds: float) -> object:
    number = 0
    while True:
        time.sleep(seconds)
        yield number
        number += 1


def wait_briefly(service: object, seconds: float) -> str:
    """Give up waiting for a nested call, then wait for it after all."""
    import flamepy

    expr = service(seconds)  # type: ignore[operator]
    try:
        return f"{expr.get(timeout=0.1)} at once"
    except flamepy.WaitTimeout:
        return f"gave up, then {expr.get()}"


def fill(number: int, size: int) -> bytearray:
    """A large value that can be recognised."""
    return bytearray([number % 251]) * size


def checks(data: object, number: int) -> bool:
    view = memoryview(data)  # type: ignore[arg-type]
    return view[0] == view[-1] == number % 251


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


class Hog:
    """Prints and dies on request, keeps what it is given."""

    def __init__(self) -> None:
        self.kept: list[object] = []

    def keep(self, data: object) -> int:
        self.kept.append(data)
        return len(self.kept)

    def recognise(self) -> list[int]:
        return [data[0] for data in self.kept]  # type: ignore[index]

    def drop(self) -> None:
        self.kept.clear()


class Parent:
    def start_child(self) -> int:
        return start_child()

    def die(self, how: str) -> None:
        die(how)


def fork_and_die() -> None:
    """Leave a process behind that has all our descriptors, in a group of its own."""
    if os.fork() == 0:
        os.setsid()
        time.sleep(5)
        os._exit(0)
    os._exit(3)


def _square(number: int) -> int:
    return number * number


def use_multiprocessing(count: int) -> list[int]:
    import multiprocessing
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with multiprocessing.get_context("fork").Pool(2) as pool:
            return pool.map(_square, range(count))


class Maker:
    def make(self, size: int) -> bytearray:
        return bytearray(size)

    def die(self, how: str) -> None:
        die(how)


def array(number: int, size: int) -> object:
    """An array that arrives as a view of shared memory."""
    import numpy

    return numpy.full(size, number % 251, dtype=numpy.uint8)


def stuck_stream(path: str) -> object:
    yield "first"
    with open(path, "w") as file:
        file.write(str(os.getpid()))
    time.sleep(1000)
    yield "never"


def tidy_stream(path: str) -> object:
    try:
        yield from range(1_000_000)
    finally:
        with open(path, "w") as file:
            file.write("tidied")


def ignore_or_mark(path: str, ignore: bool) -> str:
    if ignore:
        ignore_interrupts(path)
    with open(path, "w") as file:
        file.write("ran")
    return "marked"


def print_and_sleep(path: str) -> None:
    for _ in range(20):
        print("x" * 5000)
    with open(path, "w") as file:
        file.write(str(os.getpid()))
    print("y" * 5000)
    time.sleep(1000)
