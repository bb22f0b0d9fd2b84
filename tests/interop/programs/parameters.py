"""A parameter server: an instance keeps the weights, workers improve them. In the shape of upstream's example."""

import numpy as np

from flamepy.runner import Runner


class ParameterServer:
    def __init__(self, size: int, rate: float):
        self.weights = np.zeros(size)
        self.rate = rate
        self.rounds = 0

    def get_weights(self):
        return self.weights

    def apply(self, *gradients):
        self.weights = self.weights - self.rate * np.mean(gradients, axis=0)
        self.rounds += 1
        return self.weights

    def get_rounds(self):
        return self.rounds


class Worker:
    def gradient(self, weights, seed: int):
        target = np.arange(len(weights), dtype=float)
        return weights - target + np.random.default_rng(seed).normal(0, 0.01, len(weights))


if __name__ == "__main__":
    with Runner("parameters", dependencies=["numpy"]) as runner:
        server = runner.service(ParameterServer(4, 0.5))
        worker = runner.service(Worker, warmup=1)
        weights = server.get_weights()
        for step in range(5):
            gradients = [worker.gradient(weights, step * 10 + number) for number in range(3)]
            weights = server.apply(*gradients)
        rounds = server.get_rounds().get()
        final = weights.get()
    assert rounds == 5, rounds
    assert np.abs(final - np.arange(4)).max() < 0.5, final
    print("done")
