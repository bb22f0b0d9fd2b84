"""The folder of one client on one node: progress cells, results on their way, unpacked packages.

Everybody who works there holds a shared lock on it, so that the next client to come can tell folders of the living
from those of the dead, however these ended, and removes the latter.
"""

from __future__ import annotations

import fcntl
import os
import shutil

from flamepy.engines.linked.machine import shared_memory_root, temporary_root


def memory_folder(client: str) -> str:
    """Where a client's small and short-lived files are, in shared memory."""
    return f"{shared_memory_root()}/flamepy-{os.geteuid()}-{client}.ray"


def work_folder(client: str) -> str:
    """Where a client's packages are unpacked."""
    return f"{temporary_root()}/flamepy-{os.geteuid()}-{client}.ray.work"


_held: list[int] = []


def enter(client: str) -> None:
    """Make the folders of a client and hold them until this process ends; remove those of dead ones."""
    sweep()
    for folder in (memory_folder(client), work_folder(client)):
        while True:
            os.makedirs(folder, mode=0o700, exist_ok=True)
            try:
                descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:  # swept a moment ago, because nobody held it yet
                continue
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            if os.path.exists(folder):
                _held.append(descriptor)
                break
            os.close(descriptor)


def depart() -> None:
    """This process ends: it holds nothing any more, and removes what nobody else does."""
    while _held:
        os.close(_held.pop())
    sweep()


def leave(client: str) -> None:
    """Remove the folders of a client whose work is done."""
    for folder in (memory_folder(client), work_folder(client)):
        shutil.rmtree(folder, ignore_errors=True)


def sweep() -> None:
    """Remove the folders of this user's clients that nobody holds any more."""
    ours = f"flamepy-{os.geteuid()}-"
    for root, end in ((shared_memory_root(), ".ray"), (temporary_root(), ".ray.work")):
        for name in os.listdir(root):
            if name.startswith(ours) and name.endswith(end):
                _remove_if_dead(f"{root}/{name}")


def _remove_if_dead(folder: str) -> None:
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    except BlockingIOError:  # somebody lives there
        return
    finally:
        os.close(descriptor)
