"""What one process has measured, and how long it may take."""

from __future__ import annotations

import time
from contextlib import contextmanager
from statistics import median
from typing import TYPE_CHECKING, Any

from bench.peers.port import Unsupported

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MOST_CALLS = 10_000


class Notes:
    """Figures of one process.

    Args:
        quick: Whether to take less time.

    Attributes:
        figures: Question -> value.
        reasons: Question -> why it has no value.
    """

    def __init__(self, *, quick: bool) -> None:
        self.quick = quick
        self.seconds = 0.1 if quick else 0.25
        self.repeats = 1 if quick else 3
        self.figures: dict[str, float] = {}
        self.reasons: dict[str, str] = {}

    @contextmanager
    def question(self, *names: str) -> Iterator[None]:
        """Whatever fails inside is the reason why these have no value."""
        try:
            yield
        except Unsupported as error:
            self.reasons.update(dict.fromkeys(names, str(error)))
        except Exception as error:  # noqa: BLE001 - one question must not cost the others
            self.reasons.update(dict.fromkeys(names, f"{type(error).__name__}: {error}"[:300]))

    def record(self, name: str, values: float | list[float]) -> None:
        """Keep a value, or the median of several."""
        self.figures[name] = median(values) if isinstance(values, list) else values

    def latencies(self, call: Callable[[], Any], most: int = 2000) -> list[float]:
        """Return the seconds of single calls, after a warm-up, for the time that there is."""
        now = time.perf_counter
        for _ in range(20):
            call()
        end = now() + self.seconds
        taken: list[float] = []
        while len(taken) < 20 or (now() < end and len(taken) < most):
            start = now()
            call()
            taken.append(now() - start)
        return taken

    def rate(self, run: Callable[[int], float]) -> float:
        """Return the items per second of ``run(count)``, which gives the seconds that it took; median of several.

        The count is 10,000, or what a slow peer does in the time that there is; each run is a warm-up for the next.
        """
        count = 100
        while True:
            seconds = run(count)
            if count >= MOST_CALLS or seconds > self.seconds:
                break
            count = min(MOST_CALLS, max(2 * count, int(count * self.seconds / max(seconds, 1e-6))))
        return median(count / run(count) for _ in range(self.repeats))


def percentile(values: list[float], share: float) -> float:
    """Return the value below which ``share`` of all are."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def check(actual: object, expected: object) -> None:
    """Fail if a result is wrong: a fast wrong answer is no answer."""
    if actual != expected:
        raise ValueError(f"wrong result: {str(actual)[:100]} is not {str(expected)[:100]}")
