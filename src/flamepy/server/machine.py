"""The machine that the server shares out."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from typing import NamedTuple

import psutil

from flamepy.server.records import Need

MIN_CPU = 4
"""Slots that even a small machine has: an executor mostly waits, and services that call each other need several."""


class Machine(NamedTuple):
    """A node, the only one.

    Attributes:
        name: Its host name.
        capacity: What executors can have in all.
        arch: ``x86_64`` for example.
        os: ``linux`` for example.
    """

    name: str
    capacity: Need
    arch: str
    os: str


def this_machine(given: Need | None = None) -> Machine:
    """Describe this machine.

    Args:
        given: What the configuration says that there is; None for what is found.
    """
    capacity = given or Need(max(MIN_CPU, _cpus()), psutil.virtual_memory().total, _gpus())
    return Machine(platform.node() or "localhost", capacity, platform.machine(), platform.system().lower())


def _cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _gpus() -> int:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return 0 if visible in {"", "-1"} else len(visible.split(","))
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return 0
    done = subprocess.run([tool, "--list-gpus"], capture_output=True, text=True, timeout=10, check=False)
    return done.stdout.count("GPU ") if done.returncode == 0 else 0
