"""Start a service's process in a group of its own, read what it prints, end the group."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

from flamepy.server.host import reaper

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

LAST_LINES = 20
"""How many lines of standard error are kept for the message about a process that ended."""
MAX_LINE = 16 * 1024
"""Longer lines are cut into several."""
TERMINATE_SECONDS = 3.0
"""Between asking a process to end and ending it."""


class Reaper:
    """The process that outlives the server; see `flamepy.server.host.reaper`."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", reaper.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            text=True,
        )

    def add(self, group: int) -> None:
        """Put a process group on the list."""
        self._tell(f"+{group}\n")

    def discard(self, group: int) -> None:
        """Take it off again."""
        self._tell(f"-{group}\n")

    def close(self) -> None:
        """End it; what is still on the list is killed."""
        assert self._process.stdin
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        assert self._process.stdin
        with contextlib.suppress(BrokenPipeError):  # somebody killed it
            self._process.stdin.write(line)
            self._process.stdin.flush()


class Process:
    """A running service.

    Attributes:
        pid: Its number, also that of its group.
        ended: Done when it has ended, with its exit code (below zero: the signal).
        last_words: The last lines of standard error.
    """

    def __init__(
        self, process: asyncio.subprocess.Process, printed: Callable[[int, str], None], keeper: Reaper
    ) -> None:
        self._process = process
        self._reaper = keeper
        self.pid = process.pid
        self.last_words: deque[str] = deque(maxlen=LAST_LINES)
        self._printed = printed
        keeper.add(self.pid)
        self._readers = [
            asyncio.ensure_future(self._read(number, stream))
            for number, stream in ((1, process.stdout), (2, process.stderr))
            if stream is not None
        ]
        self.ended: asyncio.Future[int] = asyncio.ensure_future(process.wait())

    async def stop(self) -> int:
        """End the process and everything it has started; returns its exit code."""
        if not self.ended.done():
            self._signal(signal.SIGTERM)
            await asyncio.wait([self.ended], timeout=TERMINATE_SECONDS)
        self._signal(signal.SIGKILL)  # the group may have outlived its leader
        status = await self.ended
        self._reaper.discard(self.pid)
        _, late = await asyncio.wait(self._readers, timeout=1)
        for reader in late:  # somebody who left the group holds the pipe
            reader.cancel()
        return status

    def how_it_ended(self) -> str:
        """Say it for people, with the last lines that it wrote."""
        status = self.ended.result()
        how = f"exit code {status}" if status >= 0 else f"signal {-status} ({_signal_name(-status)})"
        words = "".join(f"\n  {line}" for line in self.last_words)
        return f"the service's process ended with {how}" + (f"; its last words:{words}" if words else "")

    async def last_lines(self) -> None:
        """Wait a moment for the rest of its output; for a process that has ended."""
        await asyncio.wait(self._readers, timeout=1)

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    async def _read(self, number: int, stream: asyncio.StreamReader) -> None:
        rest = b""
        while chunk := await stream.read(65536):
            *lines, rest = (rest + chunk).split(b"\n")
            while len(rest) > MAX_LINE:
                lines.append(rest[:MAX_LINE])
                rest = rest[MAX_LINE:]
            for line in lines:
                self._line(number, line)
        if rest:
            self._line(number, rest)

    def _line(self, number: int, line: bytes) -> None:
        text = line.decode(errors="replace")
        if number == 2:
            self.last_words.append(text[:1000])
        self._printed(number, text)


async def start(
    command: Sequence[str],
    environment: Mapping[str, str],
    folder: Path,
    printed: Callable[[int, str], None],
    keeper: Reaper,
) -> Process:
    """Start a process.

    Args:
        command: Program and arguments; the program is looked for on the environment's ``PATH``.
        environment: All of its variables.
        folder: Its working directory.
        printed: Called with 1 (standard output) or 2 (standard error) and each line.
        keeper: Where its group is put on the list.

    Raises:
        OSError: It cannot be started.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        env=dict(environment),
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    return Process(process, printed, keeper)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"
