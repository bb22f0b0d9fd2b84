"""Programs of users: scripts of every shape, stdin, ``-c``, ``-m``, notebooks; run as they would be."""

from __future__ import annotations

import textwrap
import zipfile

import pytest

DEFINITIONS = '''
from dataclasses import dataclass

import flamepy
from flamepy import FlameRunner

FACTOR = 3


class Sour(Exception):
    """An exception of the main script."""


@dataclass
class Point:
    x: int


def times(value):
    return FACTOR * value


def move(point):
    return Point(point.x + 1)


def fail():
    raise Sour("lemon")


class Counter:
    def __init__(self, c=0):
        self.c = c

    def add(self, a):
        self.c += a
        return self.c
'''

USE = """
with FlameRunner("test") as runner:
    print(runner.service(times)(4).get())
    print(runner.service(Counter).add(5).get(), runner.service(Counter(10)).add(5).get())
    point = runner.service(move)(Point(1)).get()
    print(point, type(point) is Point)
    print(runner.service(lambda p: isinstance(p, Point))(Point(1)).get())
    try:
        runner.service(fail)().get()
    except Sour as error:
        print("caught", error)
"""

OUTPUT = ["12", "5 15", "Point(x=2) True", "True", "caught lemon"]

GUARDED = DEFINITIONS + '\n\nif __name__ == "__main__":\n' + textwrap.indent(USE, "    ")


def shown(done) -> list[str]:
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_a_guarded_script(script):
    assert shown(script.run_text(GUARDED)) == OUTPUT


def test_an_unguarded_script(script):
    assert shown(script.run_text(DEFINITIONS + USE)) == OUTPUT


def test_a_script_in_a_main_function(script):
    text = (
        DEFINITIONS
        + "\n\ndef main():\n"
        + textwrap.indent(USE, "    ")
        + '\n\nif __name__ == "__main__":\n    main()\n'
    )
    assert shown(script.run_text(text)) == OUTPUT


def test_definitions_and_settings_below_the_guard(script):
    text = """
from flamepy import FlameRunner


def scale(value):
    return settings["factor"] * value


if __name__ == "__main__":
    import math
    settings = {"factor": 3}

    def local(value):
        return math.floor(value) + settings["factor"]

    with FlameRunner("test") as runner:
        print(runner.service(scale)(2).get(), runner.service(local)(2.5).get())
"""
    assert shown(script.run_text(text)) == ["6 5"]


def test_a_script_on_stdin(script):
    assert shown(script.run("-", stdin=DEFINITIONS + USE)) == OUTPUT


def test_a_script_given_by_c(script):
    assert shown(script.run("-c", DEFINITIONS + USE)) == OUTPUT


def test_a_module_run_by_m(script):
    script.write(GUARDED, "tool/run.py")
    script.write("", "tool/__init__.py")
    assert shown(script.run("-m", "tool.run")) == OUTPUT


def test_a_package_run_by_m(script):
    script.write(GUARDED, "tool/__main__.py")
    script.write("", "tool/__init__.py")
    assert shown(script.run("-m", "tool")) == OUTPUT


def test_cells_of_a_notebook(script):
    """Cells are run by exec in a ``__main__`` without a file, as in IPython."""
    cells = [DEFINITIONS, "runner = FlameRunner('cells').__enter__()", *_cells(), "runner.__exit__(None, None, None)"]
    kernel = (
        "import sys, types\n"
        "main = sys.modules['__main__'] = types.ModuleType('__main__')\n"
        f"for cell in {cells!r}:\n"
        "    exec(compile(cell, '<ipython-input>', 'exec'), main.__dict__)\n"
    )
    assert shown(script.run("-c", kernel)) == ["12", "15", "caught lemon"]


def _cells() -> list[str]:
    return [
        "print(runner.service(times)(4).get())",
        "counter = runner.service(Counter(10))\nprint(counter.add(5).get())",
        "try:\n    runner.service(fail)().get()\nexcept Sour as error:\n    print('caught', error)",
    ]


def test_redefining_a_function_in_a_later_cell(script):
    cells = [
        "from flamepy import FlameRunner\nrunner = FlameRunner('cells').__enter__()",
        "def version():\n    return 1",
        "print(runner.service(version)().get())",
        "def version():\n    return 2",
        "print(runner.service(version)().get())",
        "runner.__exit__(None, None, None)",
    ]
    kernel = (
        "import sys, types\n"
        "main = sys.modules['__main__'] = types.ModuleType('__main__')\n"
        f"for cell in {cells!r}:\n"
        "    exec(compile(cell, '<ipython-input>', 'exec'), main.__dict__)\n"
    )
    assert shown(script.run("-c", kernel)) == ["1", "2"]


def test_modules_beside_the_script(script):
    script.write("def times(value):\n    return 5 * value\n", "helpers.py")
    script.write("def times(value):\n    return 7 * value\n", "tools/deep.py")
    script.write("", "tools/__init__.py")
    text = """
import helpers
from flamepy import FlameRunner
from tools.deep import times


def both(value):
    return helpers.times(value), times(value)


if __name__ == "__main__":
    with FlameRunner("test") as runner:
        print(runner.service(both)(1).get(), runner.service(times)(2).get(), runner.service(helpers.times)(2).get())
"""
    assert shown(script.run_text(text)) == ["(5, 7) 14 10"]


def test_a_src_layout(script):
    script.write("def times(value):\n    return 5 * value\n", "src/shop/tools.py")
    script.write("", "src/shop/__init__.py")
    main = script.write(
        "import sys\n"
        "sys.path.insert(0, 'src')\n"
        "from flamepy import FlameRunner\n"
        "from shop.tools import times\n"
        "with FlameRunner('test') as runner:\n"
        "    print(runner.service(times)(2).get())\n",
        "scripts/main.py",
    )
    assert shown(script.run(str(main))) == ["10"]


def test_files_beside_the_script(script):
    script.write("hello\n", "data/greeting.txt")
    text = """
from flamepy import FlameRunner
from pathlib import Path


def read():
    return (Path(__file__).parent / "data" / "greeting.txt").read_text().strip(), Path("data/greeting.txt").exists()


if __name__ == "__main__":
    with FlameRunner("test") as runner:
        print(*runner.service(read)().get())
"""
    assert shown(script.run_text(text)) == ["hello True"]


def test_arguments_of_the_program(script):
    main = script.write(
        "import sys\n"
        "from flamepy import FlameRunner\n"
        "def args():\n"
        "    return sys.argv[1:]\n"
        "if __name__ == '__main__':\n"
        "    with FlameRunner('test') as runner:\n"
        "        print(runner.service(args)().get())\n"
    )
    assert shown(script.run(str(main), "--rate", "3")) == ["['--rate', '3']"]


def test_prints_come_before_the_result(script):
    done = script.run_text("""
from flamepy import FlameRunner


def speak(n):
    print("task", n)
    return n


if __name__ == "__main__":
    with FlameRunner("test") as runner:
        service = runner.service(speak, instances=1)
        for n in range(3):
            print("result", service(n).get())
""")
    lines = [line.partition(") ")[2] or line for line in shown(done)]
    assert lines == [f"{what} {n}" for n in range(3) for what in ("task", "result")]


def test_an_unseen_error_is_on_stderr_once(script):
    done = script.run_text(GUARDED.replace("print(runner.service(times)(4).get())", "runner.service(fail)()"))
    assert done.stderr.count("lemon") == 1
    assert "nobody looked" in done.stderr


def test_many_unseen_errors_are_not_all_on_stderr(script):
    done = script.run_text(
        GUARDED.replace("print(runner.service(times)(4).get())", "f = runner.service(fail); [f() for _ in range(1234)]")
    )
    assert done.stderr.count("lemon") == 12
    assert "1,000 of these so far" in done.stderr


def test_an_uncaught_error_shows_the_remote_frames_and_cleans_up(script):
    done = script.run_text(
        DEFINITIONS + "\nwith FlameRunner('test') as runner:\n    runner.service(fail)().get()\n", check=False
    )
    assert done.returncode == 1
    assert 'raise Sour("lemon")' in done.stderr
    assert "Sour: lemon" in done.stderr
    assert "runtime/loop.py" not in done.stderr
    assert list(script.storage.iterdir()) == []


@pytest.mark.parametrize("end", ["raise SystemExit(5)", "import os; os._exit(5)"], ids=["exit", "_exit"])
def test_the_exit_code_is_the_users(script, end):
    done = script.run_text(f"{DEFINITIONS}\nwith FlameRunner('test') as runner:\n    {end}\n", check=False)
    assert done.returncode == 5


def test_a_runner_that_is_never_left(script):
    done = script.run_text(
        f"{DEFINITIONS}\nrunner = FlameRunner('test').__enter__()\nprint(runner.service(times)(2).get())\n", check=False
    )
    assert done.stdout.splitlines() == ["6"]
    assert done.returncode == 0


def test_a_child_of_fork_does_not_end_the_parents_runner(script):
    text = """
import os

if __name__ == "__main__":
    with FlameRunner("test") as runner:
        service = runner.service(times)
        service(1).get()
        child = os.fork()
        if child == 0:
            raise SystemExit(0)
        os.waitpid(child, 0)
        print(service(2).get())
"""
    assert script.run_text(DEFINITIONS + text).stdout.splitlines() == ["6"]


@pytest.mark.engine("local", why="a cluster makes environments where its executors are, with tests of its own")
def test_an_environment_of_its_own(script):
    """The executor has what the project asks for, which the client has not, and nothing of the client's."""
    wheel = script.folder / "answer-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("answer.py", "ANSWER = 42\n")
        archive.writestr("answer-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: answer\nVersion: 1.0\n")
        archive.writestr("answer-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("answer-1.0.dist-info/RECORD", "")
    (script.folder / "pyproject.toml").unlink()
    script.write(f"./{wheel.name}\n", "requirements.txt")
    script.write(
        """
import importlib.util
import sys

from flamepy import FlameRunner


def look():
    import answer

    return answer.ANSWER, sys.prefix, importlib.util.find_spec("pytest") is None


if __name__ == "__main__":
    with FlameRunner("own", environment="uv") as runner:
        found, prefix, clean = runner.service(look)().get(40)
        print(found, prefix != sys.prefix, clean)
"""
    )
    assert script.run("main.py").stdout == "42 True True\n"
