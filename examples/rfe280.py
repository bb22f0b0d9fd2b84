"""The example of the requirement (RFE280): a function, a class and an instance as services.

Prints 3, 4, 14 and 28.
"""

import asyncio

from flamepy import FlameAsyncRunner, FlameRunner


def sum(a: int, b: int) -> int:  # the requirement's name
    """Add two numbers."""
    return a + b


class Counter:
    """Counts from a start value."""

    def __init__(self, c: int = 0) -> None:
        self._count = c

    def add(self, a: int) -> None:
        """Count ``a`` more."""
        self._count = self._count + a

    def get_counter(self) -> int:
        """Return the count."""
        return self._count


async def with_asyncio() -> None:
    """A function as a service, awaited."""
    async with FlameAsyncRunner("test") as runner:
        sum_s = runner.service(sum)
        res_r = await sum_s(1, 2)
        print(res_r.get())  # 3


def without_asyncio() -> None:
    """A class and an instance as services; a result as the argument of another call."""
    with FlameRunner("test") as runner:
        cnt_s = runner.service(Counter)
        cnt_s.add(1)
        cnt_s.add(3)
        res_r = cnt_s.get_counter()
        print(res_r.get())  # 4

        cnt_os = runner.service(Counter(10))
        cnt_os.add(1)
        cnt_os.add(3)
        res_r = cnt_os.get_counter()
        print(res_r.get())  # 14

        cnt_os.add(res_r)  # the value goes from executor to executor, not through this process
        res_r = cnt_os.get_counter()
        print(res_r.get())  # 28


if __name__ == "__main__":
    asyncio.run(with_asyncio())
    without_asyncio()
