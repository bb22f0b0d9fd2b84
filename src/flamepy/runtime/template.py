"""A warmed, single-threaded process that forks executors, reaps them, and cleans up when its client is gone.

Forking the user's process would copy its threads, locks and open sockets; starting an interpreter takes 10 ms and
more. A process that has imported what executors need and nothing else forks in one. It is also the parent that
outlives a client killed by SIGKILL: the end of its socket tells it, and it ends whatever it forked.

::

    client ──"fork", number, slot + three descriptors──► template ──fork──► executor
           ──"litter", path──►
    client ◄──(number, pid, None) | (number, pid, status)── template
"""

from __future__ import annotations

import _signal
import _socket
import gc
import os
import select
import sys
from time import monotonic

from flamepy.runtime import loop
from flamepy.runtime.host import ThisMachine
from flamepy.wire.frames import FrameBuffer, pack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

GRACE = 2.0
"""Seconds that executors have to end by themselves once their client is gone."""

ORDER_BYTES = 4096


class Template:
    """The process between a client and its executors.

    Args:
        control: Descriptor of the socket to the client.
        litter: Folders and files to remove when the client is gone without having said goodbye.
    """

    def __init__(self, control: int, litter: list[str]) -> None:
        self._control = _socket.socket(fileno=control)
        self._litter = litter
        self._frames = FrameBuffer(ORDER_BYTES)
        self._descriptors: list[int] = []
        self._numbers: dict[int, int] = {}
        self._wake, self._woken = os.pipe()
        for descriptor in (self._wake, self._woken):
            os.set_blocking(descriptor, False)
        _signal.signal(_signal.SIGCHLD, lambda *_: None)
        _signal.signal(_signal.SIGINT, _signal.SIG_IGN)
        _signal.set_wakeup_fd(self._woken)

    def run(self) -> None:
        """Serve orders until the client is gone, then see that everything ends."""
        poller = select.poll()
        poller.register(self._control, select.POLLIN)
        poller.register(self._wake, select.POLLIN)
        going = True
        while going:
            ready = dict(poller.poll())
            if self._wake in ready:
                self._reap()
            if self._control.fileno() in ready:
                going = self._obey()
        self._end_all()
        _remove(self._litter)

    def _obey(self) -> bool:
        """Obey what has arrived; False when the client is gone or has said goodbye."""
        space = self._frames.space()
        try:
            count, ancillary, _, _ = self._control.recvmsg_into([space], _socket.CMSG_SPACE(3 * 4))
        except ConnectionResetError:
            return False
        for _level, _kind, raw in ancillary:
            self._descriptors += memoryview(raw[: len(raw) - len(raw) % 4]).cast("i")
        for what, *order in self._frames.filled(count) if count else ():
            if what == "fork":
                descriptors, self._descriptors = self._descriptors[:3], self._descriptors[3:]
                self._fork(order[0], order[1], descriptors)
            elif what == "litter":
                self._litter.append(order[0])
            else:
                self._litter = []
                return False
        return bool(count)

    def _fork(self, number: int, slot: int, descriptors: list[int]) -> None:
        pid = os.fork()
        if pid == 0:
            self._become_executor(slot, descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        self._numbers[pid] = number
        self._tell(number, pid, None)

    def _become_executor(self, slot: int, descriptors: list[int]) -> NoReturn:
        code = 1
        try:
            os.setsid()
            _signal.set_wakeup_fd(-1)
            _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)
            for descriptor in (self._wake, self._woken):
                os.close(descriptor)
            self._control.close()
            data, bell, output = descriptors
            os.dup2(output, 1)
            os.dup2(output, 2)
            os.close(output)
            loop.main(data, bell, ThisMachine(slot))
            code = 0
        finally:
            os._exit(code)

    def _reap(self) -> None:
        try:
            while os.read(self._wake, 512):
                pass
        except BlockingIOError:
            pass
        while self._numbers:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            number = self._numbers.pop(pid, None)
            if number is not None:
                _kill_group(pid)  # what the executor itself had started
                self._tell(number, pid, status)

    def _tell(self, number: int, pid: int, status: int | None) -> None:
        try:
            self._control.send(pack([number, pid, status]))
        except OSError:  # the client is gone; the main loop is about to learn it
            return

    def _end_all(self) -> None:
        """Wait a moment for the executors, whose sockets have ended too, then kill what is left."""
        poller = select.poll()
        poller.register(self._wake, select.POLLIN)
        deadline = monotonic() + GRACE
        while self._numbers and monotonic() < deadline:
            poller.poll(50)
            self._reap()
        for pid in list(self._numbers):
            _kill_group(pid)
        while self._numbers:
            poller.poll(50)
            self._reap()


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, _signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def _remove(paths: list[str]) -> None:
    for path in paths:
        if os.path.isdir(path):
            import shutil  # not while the client waits for our end

            shutil.rmtree(path, ignore_errors=True)
        else:
            try:
                os.unlink(path)
            except OSError:
                continue


def main(control: int, litter: list[str]) -> None:
    """Entry point of the process, see ``engines/local/launcher.py``."""
    sys.argv = ["flamepy-template"]
    gc.collect()
    gc.freeze()  # fork: what is shared now stays shared
    Template(control, litter).run()
    os._exit(0)
