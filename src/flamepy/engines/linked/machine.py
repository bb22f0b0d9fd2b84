"""This machine: its memory and devices, and the folders for shared memory and temporary files."""

from __future__ import annotations

import os
import sys

from flamepy.wire.pulse import CORES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flamepy.model.snapshot import NodeRecord


def shared_memory_root() -> str:
    """The folder for shared memory: ``/dev/shm``, or where there is none the temporary folder."""
    if sys.platform == "linux" and os.access("/dev/shm", os.W_OK | os.X_OK):
        return "/dev/shm"
    return temporary_root()


def temporary_root() -> str:
    """The folder for temporary files."""
    for name in ("TMPDIR", "TEMP", "TMP"):
        folder = os.environ.get(name)
        if folder and os.path.isdir(folder):
            return os.path.abspath(folder)
    return "/tmp"


def machine_memory() -> int:
    """Bytes of memory of this machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def gpu_count() -> int:
    """GPUs of this machine, by its device files; ``CUDA_VISIBLE_DEVICES`` narrows it."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([d for d in visible.split(",") if d.strip() not in ("", "-1")])
    try:
        return sum(1 for name in os.listdir("/dev") if name.startswith("nvidia") and name[6:].isdigit())
    except OSError:
        return 0


def this_node() -> NodeRecord:
    """This machine for ``flmctl list -n``."""
    from flamepy.model.snapshot import NodeRecord

    system = os.uname()
    return NodeRecord(
        name=system.nodename,
        hostname=system.nodename,
        cpu=CORES,
        memory=machine_memory(),
        gpu=gpu_count(),
        arch=system.machine,
        os=system.sysname.lower(),
    )
