"""Classes and instances of every kind."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field
from pathlib import Path

import flamepy
from workshop.functions import announce, wait_for_file


class Counter:
    """Counts."""

    limit = 100

    def __init__(self, c: int = 0) -> None:
        self._count = c

    def add(self, a: int) -> None:
        """Add ``a`` to the count."""
        self._count = self._count + a

    def get_counter(self) -> int:
        return self._count

    def add_from(self, values: list[int]) -> int:
        self._count += sum(values)
        return self._count

    @property
    def count(self) -> int:
        return self._count

    def _secret(self) -> None:
        raise AssertionError


class Loud(Counter):
    """Inherits, overrides, and has methods of every kind."""

    def get_counter(self) -> int:
        return 1000 + super().get_counter()

    @staticmethod
    def double(value: int) -> int:
        return 2 * value

    @classmethod
    def who(cls, suffix: str = "!") -> str:
        return cls.__name__ + suffix

    def __call__(self, value: int) -> int:
        return value + self._count


class Log:
    """Keeps what it is told, in the order in which it is told."""

    def __init__(self) -> None:
        self.entries: list[object] = []

    def write(self, entry: object) -> None:
        self.entries.append(entry)

    def read(self) -> list[object]:
        return self.entries

    def identity(self) -> tuple[int, int]:
        return os.getpid(), id(self)

    def write_when(self, entry: object, path: str) -> None:
        wait_for_file(path)
        self.entries.append(entry)


class Keeper:
    """Keeps one object."""

    def __init__(self) -> None:
        self.kept: object = None

    def keep(self, value: object) -> None:
        self.kept = value

    def give(self) -> object:
        return self.kept

    def summary(self) -> int:
        return int(self.kept.sum())


class Partner:
    """Plays ball with another instance."""

    def __init__(self, name: str = "") -> None:
        self.name = name
        self.calls = 0

    def throw(self, me, other, times: int) -> int:
        self.calls += 1
        if times == 0:
            return 0
        return 1 + other.throw(other, me, times - 1).get()

    def count_calls(self) -> int:
        return self.calls


class Crasher:
    """Counts until it is told to die."""

    def __init__(self, c: int = 0) -> None:
        self.count = c

    def add(self, a: int) -> int:
        self.count += a
        return self.count

    def get(self) -> int:
        return self.count

    def crash(self, code: int = 7) -> None:
        os._exit(code)

    def crash_once(self, path: str) -> int:
        if not os.path.exists(path):
            announce(path)
            os._exit(7)
        self.count += 1
        return self.count


class Diary:
    """Writes down outside what it does, so that what is done twice is seen."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)
        self.entries: list[int] = []

    def write(self, entry: int) -> int:
        self.entries.append(entry)
        with (self.folder / "written").open("a") as file:
            file.write(f"{entry} ")
        return len(self.entries)

    def write_for_good(self, entry: int) -> int:
        flamepy.checkpoint()
        return self.write(entry)

    def __getstate__(self) -> dict[str, object]:
        (self.folder / f"saved-{len(self.entries)}").touch()
        return self.__dict__

    def crash(self) -> None:
        os._exit(3)

    def read(self) -> list[int]:
        return self.entries


class FailsToStart:
    """Its constructor raises."""

    def __init__(self) -> None:
        raise LookupError("no such shelf")

    def use(self) -> None:
        raise AssertionError


class WithLock:
    """Cannot be pickled."""

    def __init__(self) -> None:
        self.lock = threading.Lock()

    def use(self) -> None:
        raise AssertionError


class OwnNames:
    """Has methods with the names of a service's own."""

    def map(self, value: int) -> int:
        return value

    def close(self) -> str:
        return "closed by the user"

    def options(self) -> str:
        return "my options"

    def call(self, value: int) -> int:
        return -value


@dataclass
class Parcel:
    """Something with fields."""

    label: str
    content: object
    extras: dict[str, object] = field(default_factory=dict)


class Post:
    """Opens parcels."""

    def open(self, parcel: Parcel) -> object:
        return parcel.content

    def open_all(self, parcels: list[Parcel]) -> list[object]:
        return [parcel.content for parcel in parcels]
