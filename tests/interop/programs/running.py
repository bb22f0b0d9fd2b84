"""Upstream's Runner: functions, classes, instances, futures as arguments, objects, errors."""

import os

import flamepy
from flamepy.runner import Runner


def add(a, b):
    return a + b


def pid_of(_):
    return os.getpid()


def fail():
    raise ValueError("as it was told")


class Counter:
    def __init__(self):
        self.value = 0

    def add(self, amount=1):
        self.value += amount
        return self.value

    def get(self):
        return self.value


with Runner("interop") as runner:
    adding = runner.service(add)
    three = adding(1, 2)
    assert three.get() == 3
    assert adding(three, 10).get() == 13
    assert sum(runner.get([adding(number, number) for number in range(50)])) == 2450
    kept = runner.put_object({"a": list(range(1000))})
    assert adding([1], [2]).get() == [1, 2]
    assert runner.service(len)(kept).get() == 1

    counter = runner.service(Counter)
    assert counter.add(5).get() == 5

    stateful = runner.service(Counter(), autoscale=False)
    assert [stateful.add().get() for _ in range(5)] == [1, 2, 3, 4, 5]
    assert stateful.get().get() == 5

    fixed = runner.service(pid_of, autoscale=False, warmup=2)
    assert 1 <= len(set(runner.get([fixed(number) for number in range(8)]))) <= 2

    try:
        runner.service(fail)().get()
        raise AssertionError("it did not fail")
    except flamepy.FlameError as error:
        said = str(error)
    assert "as it was told" in said

assert flamepy.get_application("interop") is None
print("done")
