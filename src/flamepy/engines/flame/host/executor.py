"""The executor's entry point on a worker."""

from __future__ import annotations

import json
import os
import signal
import sys

from flamepy.runtime import loop
from flamepy.runtime.host import ThisMachine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PR_SET_PDEATHSIG = 1


class Worker(ThisMachine):
    """A machine whose folders the client does not know.

    Args:
        place: What the service process has prepared here.
    """

    def __init__(self, place: dict[str, Any]) -> None:
        super().__init__(0)
        self._place = place

    def complete(self, binding: dict[str, Any]) -> dict[str, Any]:
        """Add this machine's folders."""
        main = binding.get("main")
        if main:
            main = os.path.join(self._place["package"], main)
        return {**binding, **self._place, "prefix": (sys.prefix, sys.exec_prefix), "main": main}


def main(data: int, bell: int, place: str, parent: int) -> None:
    """Run an executor on inherited descriptors until its client, or the process that started it, is gone."""
    _die_with(parent)
    sys.argv = [sys.argv[0]]
    loop.main(data, bell, Worker(json.loads(place)))
    os._exit(0)


def _die_with(parent: int) -> None:
    """Have the system end this process with ``parent``, if it can: in a long task nobody looks at the socket."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
