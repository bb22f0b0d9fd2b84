"""Estimate pi: batches of random points are counted elsewhere. In the shape of upstream's example."""

import os

import numpy as np

from flamepy.runner import Runner

BATCHES = int(os.environ.get("PI_NUM_BATCHES", "8"))
SAMPLES = int(os.environ.get("PI_SAMPLES_PER_BATCH", "20000"))


def inside(samples: int) -> int:
    points = np.random.default_rng().random((samples, 2))
    return int((np.square(points).sum(axis=1) <= 1).sum())


if __name__ == "__main__":
    with Runner("pi", dependencies=["numpy"]) as runner:
        count = runner.service(inside)
        hits = runner.get([count(SAMPLES) for _ in range(BATCHES)])
    estimate = 4 * sum(hits) / (BATCHES * SAMPLES)
    assert abs(estimate - np.pi) < 0.1, estimate
    print("done")
