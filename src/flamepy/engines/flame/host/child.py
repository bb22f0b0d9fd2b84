"""The executor's process, as the service process has it: its socket, its bell, its output, its end."""

from __future__ import annotations

import fcntl
import json
import mmap
import os
import select
import signal
import socket
import sys
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

READ_BYTES = 1 << 18

TURN = 0.02
"""Seconds between two looks whether it has ended."""

_SCRIPT = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from flamepy.engines.flame.host.executor import main; main(3, 4, sys.argv[2], int(sys.argv[3]))"
)


class Child:
    """One executor process.

    Args:
        python: The interpreter.
        root: The folder that flamepy is imported from.
        place: What it has to know of this machine; see `Place.prepare`.

    Raises:
        OSError: It cannot be started.
    """

    def __init__(self, python: str, root: str, place: dict[str, Any]) -> None:
        with open(place["progress"], "wb") as file:
            file.write(bytes(mmap.PAGESIZE))
        with open(place["progress"], "r+b") as file:
            self._progress = mmap.mmap(file.fileno(), mmap.PAGESIZE)
        self.data, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._bell, their_bell = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self.output, their_output = os.pipe()
        high = [
            fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 20) for fd in (theirs.fileno(), their_bell.fileno(), their_output)
        ]
        try:
            self.pid = os.posix_spawn(
                python,
                [python, "-I", "-S", "-c", _SCRIPT, root, json.dumps(place), str(os.getpid())],
                os.environ,
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, high[0], 3),
                    (os.POSIX_SPAWN_DUP2, high[1], 4),
                    (os.POSIX_SPAWN_DUP2, high[2], 1),
                    (os.POSIX_SPAWN_DUP2, high[2], 2),
                ],
                setpgroup=0,
                setsigmask=[signal.SIGINT],  # until it can be rung: `loop.main` lets it through
            )
        finally:
            for descriptor in (*high, their_output):
                os.close(descriptor)
            theirs.close()
            their_bell.close()
        self.data.setblocking(False)
        os.set_blocking(self.output, False)
        self.status: int | None = None
        self.silent = self.deaf = False
        self._unsent = bytearray()

    @property
    def running(self) -> int:
        """Number of the call that it runs, or ran when it ended."""
        return int.from_bytes(self._progress[:8], sys.byteorder)

    @property
    def unsent(self) -> bool:
        """Whether its socket has not taken everything yet."""
        return bool(self._unsent)

    def send(self, data: bytes) -> None:
        """Send bytes; what its socket does not take waits for `push`."""
        self._unsent += data
        self.push()

    def push(self) -> None:
        """Send what waits."""
        try:
            while self._unsent:
                del self._unsent[: self.data.send(self._unsent)]
        except BlockingIOError:
            return
        except OSError:  # it has ended, which is seen elsewhere
            self._unsent.clear()

    def hear(self) -> bytes:
        """Read what it has said; empty if there is nothing, and for good once ``silent`` is set."""
        try:
            data = self.data.recv(READ_BYTES)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        self.silent = not data
        return data

    def overhear(self) -> bytes:
        """Read what it wrote to its descriptors 1 and 2; nothing more comes once ``deaf`` is set."""
        try:
            data = os.read(self.output, READ_BYTES)
        except BlockingIOError:
            return b""
        self.deaf = not data
        return data

    def ring(self, bells: bytes) -> None:
        """Interrupt it; see `flamepy.runtime.loop`."""
        try:
            self._bell.send(bells)
            os.kill(self.pid, signal.SIGINT)
        except OSError:  # it has ended
            return

    def reap(self) -> bool:
        """Whether it has ended; then ``status`` says how, and what it had started is ended."""
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if not pid:
                return False
            self.status = status
            self._kill_group()
        return True

    def leave(self) -> None:
        """Let it end by itself; what it says meanwhile can be heard."""
        try:
            self.data.shutdown(socket.SHUT_WR)
        except OSError:  # it has ended
            return

    def kill(self) -> None:
        """End it, and what it has started, for good."""
        if self.status is None:
            self._kill_group()

    def end(self, grace: float) -> None:
        """Let it end, as it does when its socket is closed and no task runs; kill it after ``grace`` seconds."""
        self.data.close()
        deadline = monotonic() + grace
        poller = select.poll()
        poller.register(self.output, select.POLLIN)
        while not self.reap() and monotonic() < deadline:
            poller.poll(TURN * 1000)  # its output ends with it, unless it has left somebody behind
            if not self._discard():
                poller = select.poll()
        self.kill()
        if self.status is None:
            _, self.status = os.waitpid(self.pid, 0)
        self._bell.close()
        os.close(self.output)

    def _discard(self) -> bool:
        """Read its output away; False when that has ended."""
        try:
            return bool(os.read(self.output, READ_BYTES))
        except BlockingIOError:
            return True

    def _kill_group(self) -> None:
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            return
