"""``async def`` functions and methods."""

from __future__ import annotations

import asyncio


class Meeting:
    """Coroutines that wait for one another."""

    def __init__(self) -> None:
        self._event: asyncio.Event | None = None
        self.inside = 0
        self.most = 0
        self.log: list[str] = []

    def _ready(self) -> asyncio.Event:
        self._event = self._event or asyncio.Event()
        return self._event

    async def wait(self) -> str:
        await self._ready().wait()
        return "met"

    async def open(self) -> str:
        self._ready().set()
        return "opened"

    async def crowd(self, rounds: int = 20) -> int:
        self.inside += 1
        self.most = max(self.most, self.inside)
        for _ in range(rounds):
            await asyncio.sleep(0)
        self.inside -= 1
        return self.inside

    def most_at_once(self) -> int:
        return self.most

    async def fail(self) -> None:
        await asyncio.sleep(0)
        raise LookupError("in a coroutine")

    async def for_ever(self) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.log.append("cancelled")
            raise

    def read_log(self) -> list[str]:
        return self.log


async def double(value: int) -> int:
    await asyncio.sleep(0)
    return 2 * value


async def ask(service, value: int) -> int:
    return await service(value)


async def ask_many(service, count: int) -> int:
    return sum(await asyncio.gather(*[_one(service, number) for number in range(count)]))


async def _one(service, number: int) -> int:
    return await service(number)
