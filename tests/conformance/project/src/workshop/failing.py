"""Things that go wrong."""

from __future__ import annotations

import os
import signal
import sys
import threading

from workshop.functions import announce


class OutOfStock(Exception):
    """An exception of the project."""


class Picky(Exception):
    """Its constructor wants more than its args say, so that pickle cannot rebuild it."""

    def __init__(self, code: int, *, reason: str) -> None:
        super().__init__(f"code {code}: {reason}")
        self.code = code


class Locked(Exception):
    """Carries something that cannot be pickled."""

    def __init__(self, message: str) -> None:
        super().__init__(message, threading.Lock())


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("str() is broken")


def fail(message: str = "broken") -> None:
    raise ValueError(message)


def fail_deep(message: str) -> None:
    inner(message)


def inner(message: str) -> None:
    raise OutOfStock(message)


def fail_from() -> None:
    try:
        {}["missing"]
    except KeyError as error:
        raise OutOfStock("because") from error


def fail_with_notes() -> None:
    error = ValueError("noted")
    error.__notes__ = ["look under the carpet"]
    raise error


def fail_picky() -> None:
    raise Picky(7, reason="never on Mondays")


def fail_locked() -> None:
    raise Locked("it has a lock")


def fail_unprintable() -> None:
    raise Unprintable


def fail_local() -> None:
    class Hidden(Exception):
        pass

    raise Hidden("local class")


def fail_group() -> None:
    raise ExceptionGroup("several", [ValueError("one"), OutOfStock("two"), ExceptionGroup("inner", [KeyError("k")])])  # noqa: F821


def fail_with_os_error() -> None:
    open("/no/such/folder/file")


def leave(code: object = 3) -> None:
    sys.exit(code)


def interrupt() -> None:
    raise KeyboardInterrupt


def stop_iteration() -> None:
    raise StopIteration("enough")


def give_lock() -> object:
    return threading.Lock()


def fail_every(number: int, every: int) -> int:
    if number % every == 0:
        raise ValueError(number)
    return number


def die(code: int = 9) -> None:
    os._exit(code)


def kill_myself(number: int = signal.SIGKILL) -> None:
    os.kill(os.getpid(), number)
    signal.pause()


def die_once(path: str, value: object) -> object:
    """Die at the first try, succeed at the second."""
    if not os.path.exists(path):
        announce(path)
        os._exit(1)
    return value


def fail_once(path: str, value: object) -> object:
    if not os.path.exists(path):
        announce(path)
        raise OutOfStock("the first time")
    return value


def count_tries(path: str) -> None:
    with open(path, "a") as file:
        file.write("x")
    os._exit(1)


def last_words(text: str) -> None:
    print(text, file=sys.stderr)
    os._exit(5)
