"""A small process beside the server that ends what the server leaves behind, should it be killed.

It reads numbers of process groups from its standard input, ``+123`` when one was started and ``-123`` when it is gone.
When the input ends, so has the server, and everything that is still on the list is killed.

The file is run by itself, without the rest of the package::

    python -I -S reaper.py
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys


def main() -> None:
    """Keep the list until the input ends, then kill what is on it."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        number = int(line[1:])
        (groups.add if line[0] == "+" else groups.discard)(number)
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
