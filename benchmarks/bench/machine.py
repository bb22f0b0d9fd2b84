"""What the figures were taken on."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from pathlib import Path

from bench.environment import python
from bench.peers import DISTRIBUTIONS


def describe(env: dict[str, str]) -> dict[str, object]:
    """Return processor, memory, kernel, Python, versions, date and commit."""
    return {
        "cores": os.cpu_count(),
        "processor": _cpu_model(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "kernel": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": platform.python_version(),
        "versions": _versions(env),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _versions(env: dict[str, str]) -> dict[str, str]:
    code = (
        "import importlib.metadata as m, sys\n"
        "for name in sys.argv[1:]:\n"
        "    try: print(m.version(name))\n"
        "    except m.PackageNotFoundError: print('-')"
    )
    done = subprocess.run(
        [python(), "-c", code, *DISTRIBUTIONS.values()], env=env, capture_output=True, text=True, check=True
    )
    return dict(zip(DISTRIBUTIONS, done.stdout.split(), strict=True))


def commit(root: Path) -> str:
    """Return the commit of a copy of the repository."""
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=root, capture_output=True, text=True, check=False
    )
    return done.stdout.strip()
