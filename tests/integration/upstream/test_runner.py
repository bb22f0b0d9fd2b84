"""Upstream's Runner on the embedded engine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys, warnings
from flamepy import FlameError, get_object, update_object
from flamepy.core import FlameErrorCode
from flamepy.runner import Runner, ObjectFuture, RunnerService

HERE = "{}.{}".format(*sys.version_info)

def double(x): return 2 * x
def nested(values): return [value + 1 for value in values]

class Callable:
    def __init__(self, n): self.n = n
    def __call__(self, x): return x + self.n
    def other(self): return 0

class Counter:
    def __init__(self, n=0): self.n = n
    def add(self, k): self.n += k; return self.n
    def close(self): return "mine"

def main():
    with Runner("tests", python_version=HERE) as runner:
        twice = runner.service(double)
        assert isinstance(twice, RunnerService) and isinstance(twice(1), ObjectFuture)
        assert runner.service(nested)([twice(1), twice(2)]).get() == [3, 5]
        plus = runner.service(Callable(5))
        assert plus(1).get() == 6 and not hasattr(plus, "other")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            counter = runner.service(Counter(1), warmup=1)
        assert any("'close'" in str(each.message) for each in caught)
        assert [counter.add(1).get() for _ in range(3)] == [2, 3, 4]
        for settings in ({"autoscale": True}, {"warmup": 2}):
            try:
                runner.service(Counter(1), **settings)
            except ValueError:
                continue
            raise AssertionError(settings)
        try:
            counter()
        except TypeError as error:
            assert "is no function" in str(error)
        ref = runner.put_object([1, 2])
        assert get_object(ref) == [1, 2] and ref.key.startswith("tests/shared/")
        newer = update_object(ref, [3])
        assert runner.service(len)(newer).get() == 1
        result = twice(21).ref()
        assert result.key.split("/")[0] == "tests" and get_object(result) == 42
        fixed = runner.service(Counter, autoscale=False, warmup=2)
        assert fixed.add(1).get() == 1
        try:
            twice(None).get()
        except FlameError as error:
            assert isinstance(error.__cause__, TypeError) and error.code == FlameErrorCode.INTERNAL
    try:
        runner.service(double)
    except FlameError as error:
        assert error.code == FlameErrorCode.INVALID_STATE
    runner.close()
    print("done")

if __name__ == "__main__":
    main()
"""


def test_all_of_it(tmp_path: Path):
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, timeout=50, check=False
    )
    assert done.stdout == "done\n", done.stderr
