"""Generators."""

from __future__ import annotations

import asyncio
from pathlib import Path

from workshop.functions import announce, append, wait_for_file


def count_to(n: int):
    yield from range(n)


def count_and_tell(n: int, path: str):
    """Say in a file how far it is, and that it was closed."""
    try:
        for number in range(n):
            append(path, f"{number}\n")
            yield number
    finally:
        append(path, "closed\n")


def fail_after(n: int):
    yield from range(n)
    raise LookupError(f"after {n}")


def fail_at_once():
    raise LookupError("at once")
    yield


def gated(paths: list[str]):
    """Yield each path when it exists."""
    for path in paths:
        yield wait_for_file(path)


def chunks(n: int, size: int):
    import numpy

    for number in range(n):
        yield numpy.full(size, number)


async def count_async(n: int):
    for number in range(n):
        await asyncio.sleep(0)
        yield number


async def fail_async_after(n: int):
    for number in range(n):
        yield number
    raise LookupError(f"after {n}")


async def tell_async(n: int, path: str):
    try:
        for number in range(n):
            append(path, f"{number}\n")
            yield number
    finally:
        append(path, "closed\n")


class Shelf:
    """Streams its state."""

    def __init__(self) -> None:
        self.items: list[object] = []

    def put(self, item: object) -> None:
        self.items.append(item)

    def scan(self):
        yield from list(self.items)

    def scan_slowly(self, started: str, go: str):
        announce(started)
        for item in list(self.items):
            wait_for_file(go)
            yield item

    def first(self) -> object:
        return self.items[0]


def lines_of(path: str) -> list[str]:
    file = Path(path)
    return file.read_text().split() if file.exists() else []
