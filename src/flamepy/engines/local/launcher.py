"""The client's side of the template process: start it, have it fork, hear who ended."""

from __future__ import annotations

import _socket
import os
import sys

from flamepy.errors import EngineUnavailable
from flamepy.wire.frames import FrameBuffer, pack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
_SCRIPT = "import sys; sys.path.insert(0, {root!r}); from flamepy.runtime.template import main; main(3, {litter!r})"


class Launcher:
    """The template process of one engine.

    Args:
        litter: Folders that it removes should the client die.
        python: The interpreter; None for this one.

    Raises:
        EngineUnavailable: The process cannot be started, or not on this operating system.
    """

    def __init__(self, litter: Sequence[str] = (), python: str | None = None) -> None:
        if not hasattr(os, "fork") or not hasattr(os, "posix_spawn"):
            raise EngineUnavailable(
                "the embedded engine needs Linux or macOS; on this system point flame.yaml at a Flame or Ray cluster"
            )
        ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM)
        self._socket = ours
        self._frames = FrameBuffer(4096)
        script = _SCRIPT.format(root=_ROOT, litter=list(litter))
        interpreter = python or sys.executable
        bytecode = ["-B"] if sys.dont_write_bytecode else []
        try:
            self.pid = os.posix_spawn(
                interpreter,
                [interpreter, "-I", "-S", *bytecode, *_flags(), "-c", script],
                os.environ,
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, theirs.fileno(), 3),
                ],
                setpgroup=0,  # Ctrl-C in the terminal is for the client alone
            )
        except OSError as error:
            ours.close()
            raise EngineUnavailable(f"cannot start {interpreter}: {error.strerror}", interpreter=interpreter) from error
        finally:
            theirs.close()

    def fileno(self) -> int:
        """The socket on which reports arrive."""
        return self._socket.fileno()

    def fork(self, number: int, slot: int, descriptors: Sequence[int]) -> None:
        """Have an executor forked; it inherits the three descriptors (data, bell, output).

        Raises:
            EngineUnavailable: The template process is gone.
        """
        given = b"".join([descriptor.to_bytes(4, sys.byteorder) for descriptor in descriptors])  # as array would
        rights = (_socket.SOL_SOCKET, _socket.SCM_RIGHTS, given)
        try:
            self._socket.sendmsg([pack(["fork", number, slot])], [rights])
        except OSError as error:
            raise EngineUnavailable(f"the template process of this engine is gone (pid {self.pid})") from error

    def add_litter(self, path: str) -> None:
        """Have one more file or folder removed should the client die."""
        try:
            self._socket.send(pack(["litter", path]))
        except OSError:  # it is gone; then there is nobody to remove anything
            return

    def reports(self) -> list[tuple[int, int, int | None]] | None:
        """Read what it says: ``(number, pid, None)`` for a start, ``(number, pid, wait status)`` for an end.

        Returns:
            The reports; None when the process is gone.
        """
        try:
            count = self._socket.recv_into(self._frames.space())
        except OSError:
            return None
        if not count:
            return None
        return [(number, pid, status) for number, pid, status in self._frames.filled(count)]

    def say_goodbye(self) -> None:
        """Let it end all executors and itself."""
        try:
            self._socket.send(pack(["bye"]))
        except OSError:  # it has ended by itself
            return

    def close(self) -> list[tuple[int, int, int | None]]:
        """Wait until nothing is left; after `say_goodbye`.

        Returns:
            Its last reports. An executor whose end is not among them has outlived a template that was killed.
        """
        reports = []
        while (more := self.reports()) is not None:
            reports += more
        self.reap()
        return reports

    def abandon(self) -> None:
        """End it although it was never used; idempotent."""
        self.say_goodbye()
        self.close()

    def disown(self) -> None:
        """In a forked child: the template must see the parent's end, not ours."""
        self._socket.close()

    def reap(self) -> None:
        """Take note of its end, which has come or is about to."""
        self._socket.close()
        try:
            os.waitpid(self.pid, 0)
        except ChildProcessError:  # somebody else's SIGCHLD handler was faster
            return


def _flags() -> list[str]:
    """Interpreter flags of this process that matter to user code."""
    flags = [f"-W{option}" for option in sys.warnoptions]
    if sys.flags.optimize:
        flags.append("-" + "O" * sys.flags.optimize)
    if sys.flags.utf8_mode:
        flags += ["-X", "utf8"]
    return flags
