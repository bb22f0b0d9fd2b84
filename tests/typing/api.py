"""What mypy and pyright must make of the user API; this file is checked, never run."""

from typing_extensions import assert_type

import flamepy
from flamepy import FlameRunner, FlameRunnerService, ObjectExpr


def area(width: float, height: float) -> float:
    """Some function."""
    return width * height


class Counter:
    """Some class."""

    def add(self, n: int) -> int:
        """Some method."""
        return n


def functions(runner: FlameRunner) -> None:
    """A function's service keeps the parameters and the result."""
    areas = runner.service(area)
    assert_type(areas(1, 2), ObjectExpr[float])
    assert_type(areas(1, height=2).get(), float)
    assert_type(areas.map([1, 2], [3, 4]), list[ObjectExpr[float]])
    assert_type(areas.options(timeout=5)(1, 2), ObjectExpr[float])
    areas("wide", 2)  # type: ignore[arg-type]
    areas(1)  # type: ignore[call-arg]


def objects(runner: FlameRunner) -> None:
    """A class and an instance give the same kind of handle."""
    assert_type(runner.service(Counter), FlameRunnerService[Counter])
    counter = runner.service(Counter())
    assert_type(counter, FlameRunnerService[Counter])
    assert_type(counter.call(Counter.add, 1), ObjectExpr[int])
    assert_type(runner.put("text"), ObjectExpr[str])


def waiting(exprs: list[ObjectExpr[int]]) -> None:
    """The functions keep the values' type."""
    assert_type(flamepy.get(exprs), list[int])
    for each in flamepy.as_completed(exprs):
        assert_type(each, ObjectExpr[int])


async def awaiting(expr: ObjectExpr[int]) -> None:
    """Awaiting an ObjectExpr gives its value."""
    assert_type(await expr, int)
