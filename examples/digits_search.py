"""A real job: search the parameters of a classifier of handwritten digits, every core busy.

Three things work together here. The data set is put once and every task maps it. A function service scores one
configuration per task, in parallel. A stateful service, the leaderboard, takes the scores as they are: they go from
executor to executor and this process only asks for the standings.
"""

from __future__ import annotations

import argparse
import itertools
import time
from dataclasses import dataclass, field

import flamepy
from flamepy import FlameRunner

GRID = {"C": (0.1, 1.0, 3.0, 10.0, 30.0), "gamma": (0.0003, 0.001, 0.002, 0.004, 0.01)}
FOLDS = 5


@dataclass(frozen=True, order=True)
class Score:
    """How well one configuration did."""

    accuracy: float
    parameters: tuple[tuple[str, float], ...]
    seconds: float = field(compare=False)

    def __str__(self) -> str:
        settings = ", ".join(f"{name}={value:g}" for name, value in self.parameters)
        return f"{self.accuracy:.4f}  {settings}"


def load_digits():
    """Return the images (1797 × 64 numbers) and the digits they show; the data comes with scikit-learn."""
    from sklearn.datasets import load_digits

    images, digits = load_digits(return_X_y=True)
    return images, digits


def score(data, parameters: dict[str, float]) -> Score:
    """Cross-validate one configuration.

    Args:
        data: Images and digits.
        parameters: Arguments of the classifier.

    Returns:
        The mean accuracy over the folds.
    """
    from sklearn.model_selection import cross_val_score
    from sklearn.svm import SVC

    start = time.perf_counter()
    images, digits = data
    accuracy = cross_val_score(SVC(**parameters), images, digits, cv=FOLDS).mean()
    return Score(float(accuracy), tuple(parameters.items()), time.perf_counter() - start)


class Leaderboard:
    """Keeps the best scores; one instance lives in one executor for the whole search."""

    def __init__(self, places: int = 3) -> None:
        self.places = places
        self.best: list[Score] = []
        self.seen = 0

    def add(self, score: Score) -> bool:
        """Take a score; say whether it is the best so far."""
        self.seen += 1
        self.best = sorted([*self.best, score], reverse=True)[: self.places]
        return self.best[0] is score

    def standings(self) -> list[Score]:
        """Return the best scores, best first."""
        return self.best


def search(runner: FlameRunner, grid: dict[str, tuple[float, ...]]) -> list[Score]:
    """Score every configuration of a grid and return the standings."""
    data = runner.put(load_digits())
    scorer = runner.service(score)
    leaderboard = runner.service(Leaderboard())

    configurations = [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
    scores = [scorer(data, parameters) for parameters in configurations]
    records = [leaderboard.add(each) for each in scores]
    for done, each in enumerate(flamepy.as_completed(scores), 1):
        print(f"{done:3} of {len(scores)}  {each.get()}", flush=True)
    print(f"the best score was beaten {sum(flamepy.get(records)) - 1} times")
    return leaderboard.standings().get()


def main() -> None:
    """Run the search and print the best configurations."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a small grid, for tests")
    grid = {name: values[1:3] for name, values in GRID.items()} if parser.parse_args().quick else GRID

    start = time.perf_counter()
    with FlameRunner("digits-search") as runner:
        best = search(runner, grid)
    print(f"\nbest of {len(list(itertools.product(*grid.values())))}, in {time.perf_counter() - start:.1f} s:")
    for place in best:
        print(f"  {place}")


if __name__ == "__main__":
    main()
