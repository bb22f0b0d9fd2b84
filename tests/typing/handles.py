"""What mypy and pyright must make of handles; this file is checked, never run.

A line with ``type: ignore`` is one that must be refused: both checkers complain when it is not.
"""

from collections.abc import Iterator

from typing_extensions import assert_type

from flamepy import FlameAsyncRunner, FlameRunner, FlameRunnerService, ObjectExpr, Resources


def area(width: float, height: float = 1) -> float:
    """Some function."""
    return width * height


def countdown(n: int) -> Iterator[int]:
    """Some generator."""
    yield from range(n)


class Counter:
    """Some class."""

    def __init__(self, count: int = 0) -> None:
        self.count = count

    def add(self, n: int, *, twice: bool = False) -> int:
        """Some method."""
        return self.count + (2 * n if twice else n)

    def reset(self) -> None:
        """One without a result."""

    @staticmethod
    def double(n: int) -> int:
        """A static one."""
        return 2 * n

    @classmethod
    def named(cls, suffix: str) -> str:
        """One of the class."""
        return cls.__name__ + suffix


def methods_by_call(counter: FlameRunnerService[Counter]) -> None:
    """``call`` keeps the parameters and the result of the original's method."""
    assert_type(counter.call(Counter.add, 1), ObjectExpr[int])
    assert_type(counter.call(Counter.add, n=1, twice=True).get(), int)
    assert_type(counter.call(Counter.reset), ObjectExpr[None])
    assert_type(counter.call(Counter.double, 2), ObjectExpr[int])
    assert_type(counter.call(Counter.named, "!"), ObjectExpr[str])
    counter.call(Counter.add, "one")  # type: ignore[call-overload]
    counter.call(Counter.add)  # type: ignore[call-overload]
    counter.call(Counter.add, 1, thrice=True)  # type: ignore[call-arg]


def settings(runner: FlameRunner) -> None:
    """The names and types of settings are known."""
    runner.service(Counter, name="till", instances=(1, 3), resources=Resources(cpu=2), timeout=1.5, retries=2)
    runner.service(area, instances=4, priority=1, retry_exceptions=(OSError,))
    runner.service(area, retires=2)  # type: ignore[call-overload]
    runner.service(area, timeout="soon")  # type: ignore[call-overload]


def kept_through_options_and_wait(runner: FlameRunner) -> None:
    """Options do not lose the parameters, nor does waiting lose the type."""
    areas = runner.service(area)
    slow = areas.options(timeout=60)
    assert_type(slow(2), ObjectExpr[float])
    slow("wide")  # type: ignore[arg-type]
    assert_type(slow(2).exception(), BaseException | None)
    assert_type(slow(2).wait(1.0), bool)
    assert_type(runner.service(countdown)(3), ObjectExpr[Iterator[int]])


def entering(runner: FlameRunner, twin: FlameAsyncRunner) -> None:
    """The block's variable has the runner's own type."""
    with runner as entered:
        assert_type(entered, FlameRunner)
    with twin as entered_twin:
        assert_type(entered_twin, FlameAsyncRunner)


async def awaited_calls(twin: FlameAsyncRunner) -> None:
    """Awaiting a call of an async runner gives the finished ObjectExpr; awaiting that, the value."""
    async with twin as runner:
        areas = runner.service(area)
        expr = await areas(1, height=2)
        assert_type(expr, ObjectExpr[float])
        assert_type(expr.get(), float)
        assert_type(await expr, float)
        areas("wide")  # type: ignore[arg-type]
        for call in areas.map([1, 2]):
            assert_type(await call, ObjectExpr[float])
