#!/usr/bin/env python3
"""Set up and run everything of this repository; needs Python 3.10 or newer and nothing else.

::

    python3 dev.py demo            run the examples
    python3 dev.py test            all checks and all tests
    python3 dev.py test -k stream  only pytest, with these arguments
    python3 dev.py coverage        all tests, and what none of them ran
    python3 dev.py check           format, lint, import contracts, types: no tests
    python3 dev.py bench --quick   the benchmarks
    python3 dev.py docs            build the documentation site into site/
    python3 dev.py proto           write src/flamepy/wire/proto/*_pb2.py from the .proto files beside them

The first start creates `.venv` and installs into it; later starts see that nothing changed and go on at once.
Settings of pip (`PIP_*`, pip.conf) and of uv (`UV_*`) are honoured.
"""

from __future__ import annotations

import ast
import hashlib
import os
import shutil
import subprocess
import sys
import time
import venv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
BIN = VENV / "bin"
PYTHON = BIN / "python"
EXAMPLES = ("rfe280.py", "digits_search.py")

# Engines that tests run over again: all of them, but over plain flame.v1 (a service process on a cluster takes half a
# second of CPU) those that find most. CONTRIBUTING.md says how to run all.
ENGINES = {
    "flame": ("tests/conformance",),  # our server, by its stream
    "flame-abroad": ("tests/conformance",),  # the same in another network, with no folder of the client's
    "flame-v1": (
        "tests/conformance/test_deaths.py",
        "tests/conformance/test_document_example.py",
        "tests/conformance/test_failures.py",
        "tests/conformance/test_large_objects.py",
        "tests/conformance/test_nested.py",
        "tests/conformance/test_order.py",
        "tests/conformance/test_streams.py",
    ),
    "ray": ("tests/conformance", "tests/on_ray"),
}

# What pytest exits with when tests failed and nothing else went wrong.
TESTS_FAILED = 1

# A dependency group, and the groups that hold all of it.
SUPERSETS = {"demo": ("demo", "dev"), "dev": ("dev",), "docs": ("docs",)}

CHECKS = (
    ("ruff", "format", "--check", "."),
    ("ruff", "check", "."),
    ("lint-imports", "--no-logo", "--no-cache"),
    ("mypy",),
    ("pyright", "--warnings"),
)


def main(argv: list[str]) -> int:
    """Run one of the commands above and return its exit code."""
    known = (demo, test, coverage, check, bench, docs, proto)
    commands = {command.__name__: command for command in known}
    if not argv or argv[0] not in commands:
        print(__doc__)
        return 0 if argv and argv[0] in {"-h", "--help", "help"} else 2
    os.chdir(ROOT)
    return commands[argv[0]](argv[1:])


def demo(args: list[str]) -> int:
    """Run the examples, one after the other, until one fails."""
    prepare("demo")
    for example in args or EXAMPLES:
        say(f"python examples/{example}")
        if code := call(PYTHON, ROOT / "examples" / example):
            return code
    return 0


def test(args: list[str]) -> int:
    """Run all checks and all tests; with arguments, pytest alone."""
    prepare("dev")
    if args:
        return call(PYTHON, "-m", "pytest", *args)
    checked = run_checks()
    workers = str(max(2, os.cpu_count() or 2))
    say(f"pytest, {workers} at a time")
    tested = pytest(workers)
    for engine, tests in ENGINES.items():
        say(f"pytest over {engine}")
        tested = test_over(engine, tests, workers) or tested
    if checked:
        say("pytest is done, but a check above failed")
    return tested or checked


def test_over(engine: str, tests: tuple[str, ...], workers: str) -> int:
    """Run tests of what every engine must do over one of the others, and those of what is special about it."""
    os.environ["FLAMEPY_TEST_ENGINE"] = engine
    try:
        return pytest(workers, "--timeout", "120", *tests)
    finally:
        del os.environ["FLAMEPY_TEST_ENGINE"]


def pytest(workers: str, *args: str) -> int:
    """Run tests side by side; those that fail once more, one by one. Both times are shown."""
    code = call(PYTHON, "-m", "pytest", "-n", workers, "--dist", "worksteal", *args)
    if code != TESTS_FAILED:
        return code
    # Processes are killed and timed in these tests, and a machine can be busy. It is a fault all the same: mend it.
    say("once more, alone: what failed above; if it passes now, it depends on the machine or on luck")
    again = ("--last-failed", "--last-failed-no-failures", "none", "--maxfail", "3")
    return call(PYTHON, "-m", "pytest", *again, *args)


def coverage(args: list[str]) -> int:
    """Run tests and show the branches that none of them took, also in the processes that they start."""
    prepare("dev")
    # Not a part of `test`: a process that dies on purpose may leave a file of figures that cannot be read.
    measure = ("--cov", "--cov-report=term:skip-covered")
    return call(PYTHON, "-m", "pytest", "-n", "2", "--dist", "worksteal", *measure, *args)


def check(_: list[str]) -> int:
    """Check format, lint, import contracts and types."""
    prepare("dev")
    return run_checks()


def bench(args: list[str]) -> int:
    """Run the benchmarks."""
    prepare("dev")
    return call(PYTHON, ROOT / "benchmarks" / "run.py", *args)


def docs(args: list[str]) -> int:
    """Build the documentation site."""
    prepare("docs")
    return call(BIN / "mkdocs", "build", "--strict", *args)


def proto(args: list[str]) -> int:
    """Write the modules of the .proto files; with an argument, into that folder instead of src/."""
    prepare("dev")
    source = ROOT / "src"
    target = Path(args[0]) if args else source
    files = sorted(path.relative_to(source) for path in (source / "flamepy" / "wire" / "proto").glob("*.proto"))
    folders = (f"--proto_path={source}", f"--python_out={target}", f"--pyi_out={target}")
    return call(PYTHON, "-m", "grpc_tools.protoc", *folders, *files)


def run_checks() -> int:
    """Run the checks side by side; print what each has to say, in order."""
    with ThreadPoolExecutor(len(CHECKS)) as pool:
        results = list(pool.map(run_check, CHECKS))
    return max(results)


def run_check(command: tuple[str, ...]) -> int:
    """Run one check, printing its output in one piece when it has ended."""
    start = time.monotonic()
    done = subprocess.run(
        [BIN / command[0], *command[1:]],
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    verdict = "ok" if done.returncode == 0 else f"FAILED ({done.returncode})"
    text = f"== {' '.join(command)}: {verdict}, {time.monotonic() - start:.1f} s\n"
    sys.stdout.write(text if done.returncode == 0 else text + done.stdout)
    sys.stdout.flush()
    return 1 if done.returncode else 0


# --- setting up ------------------------------------------------------------------------------------------------


def prepare(group: str) -> None:
    """Bring `.venv` to what pyproject.toml asks for, unless it is there already."""
    if sys.version_info < (3, 10):  # noqa: UP036 - this file may be started by an older one
        fail(f"Python 3.10 or newer is needed, this is {sys.version.split()[0]}")
    stamp = VENV / ".flamepy-setup"
    wanted = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
    have = stamp.read_text().split() if stamp.exists() and works(PYTHON) else []
    if any(f"{each}:{wanted}" in have for each in SUPERSETS[group]):
        return
    start = time.monotonic()
    create_venv()
    say(f"installing the project and its '{group}' tools into .venv")
    install(group)
    kept = [line for line in have if line.endswith(wanted)]
    stamp.write_text("\n".join([*kept, f"{group}:{wanted}"]))
    say(f".venv is ready after {time.monotonic() - start:.0f} s")


def create_venv() -> None:
    """Create `.venv`, if it is not there or its Python is gone."""
    if works(PYTHON):
        return
    say(f"creating .venv with Python {sys.version.split()[0]}")
    shutil.rmtree(VENV, ignore_errors=True)
    uv = shutil.which("uv")
    if uv:
        run(uv, "venv", "--quiet", "--python", sys.executable, VENV)
        return
    try:
        venv.create(VENV, symlinks=True, with_pip=True)
    except subprocess.CalledProcessError:
        shutil.rmtree(VENV, ignore_errors=True)
        fail("this Python cannot create environments with pip (on Debian and Ubuntu: apt install python3-venv)")


def install(group: str) -> None:
    """Install the project, editable, with one dependency group, compiled so that the first start is fast."""
    uv = shutil.which("uv") or str(BIN / "uv")
    if not Path(uv).exists():
        run(PYTHON, "-m", "pip", "install", "--quiet", "uv")
    extras = "[flame,ray,s3,server]" if group == "dev" else ""
    what = ["--group", group] if group == "docs" else ["--editable", f".{extras}", "--group", group]
    run(uv, "pip", "install", "--quiet", "--python", PYTHON, "--compile-bytecode", *what, env=uv_environment())


def environment() -> dict[str, str]:
    """The environment of everything that is started: inside `.venv`, and .pyc files are written."""
    env = dict(os.environ, VIRTUAL_ENV=str(VENV))
    env["PATH"] = os.pathsep.join([str(BIN), env.get("PATH", os.defpath)])
    for name in ("PYTHONDONTWRITEBYTECODE", "PYTHONHOME"):
        env.pop(name, None)
    return env


def uv_environment() -> dict[str, str]:
    """The environment for uv, which does not read pip's settings by itself."""
    env = environment()
    pip = pip_settings()
    find_links = " ".join(link for link in pip.get("find-links", "").split() if "://" in link or Path(link).exists())
    for setting, value, names in (
        ("UV_DEFAULT_INDEX", pip.get("index-url", ""), ("UV_DEFAULT_INDEX", "UV_INDEX_URL")),
        ("UV_INDEX", " ".join(pip.get("extra-index-url", "").split()), ("UV_INDEX", "UV_EXTRA_INDEX_URL")),
        ("UV_INSECURE_HOST", " ".join(pip.get("trusted-host", "").split()), ("UV_INSECURE_HOST",)),
        ("UV_FIND_LINKS", find_links.replace(" ", ","), ("UV_FIND_LINKS",)),
        ("UV_NO_INDEX", pip.get("no-index", ""), ("UV_NO_INDEX",)),
        ("UV_HTTP_TIMEOUT", pip.get("default-timeout", pip.get("timeout", "")), ("UV_HTTP_TIMEOUT",)),
        ("SSL_CERT_FILE", pip.get("cert", ""), ("SSL_CERT_FILE",)),
    ):
        if value and not any(name in env for name in names):
            env[setting] = value
    if "UV_INDEX" in env:
        env.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")  # what pip does with more than one index
    return env


def pip_settings() -> dict[str, str]:
    """What pip's configuration files and `PIP_*` say, as option name -> value."""
    for python in (PYTHON, Path(sys.executable)):
        done = subprocess.run(
            [python, "-m", "pip", "config", "list"], env=environment(), capture_output=True, text=True, check=False
        )
        if done.returncode == 0:
            break
    else:
        return {name[4:].lower().replace("_", "-"): value for name, value in os.environ.items() if name[:4] == "PIP_"}
    settings: dict[str, str] = {}
    for line in sorted(done.stdout.splitlines(), key=lambda line: line.startswith(":env:")):  # the environment wins
        key, _, value = line.partition("=")
        settings[key.rpartition(".")[2]] = str(ast.literal_eval(value))
    return settings


# --- small tools -----------------------------------------------------------------------------------------------


def works(python: Path) -> bool:
    """Whether this interpreter is there and starts."""
    try:
        return subprocess.run([python, "-c", ""], check=False, capture_output=True).returncode == 0
    except OSError:
        return False


def call(*command: str | Path) -> int:
    """Run a command with our environment and return its exit code."""
    return subprocess.run(command, env=environment(), check=False).returncode


def run(*command: str | Path, env: dict[str, str] | None = None) -> None:
    """Run a command that must succeed."""
    code = subprocess.run(command, env=env or environment(), check=False).returncode
    if code:
        fail(f"'{' '.join(map(str, command))}' failed with exit code {code}")


def say(text: str) -> None:
    """Tell what happens next."""
    print(f"== {text}", flush=True)


def fail(text: str) -> NoReturn:
    """End with a message."""
    print(f"dev.py: {text}", file=sys.stderr)
    raise SystemExit(1)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
