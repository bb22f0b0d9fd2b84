"""The connection to one executor of this machine: two socket pairs, a pipe, and a cell of shared memory."""

from __future__ import annotations

import os

from flamepy.engines.local.processes import kill_group

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket

    from flamepy.engines.local.carrier import LocalCarrier
    from flamepy.engines.local.launcher import Launcher

STATUS_WAIT = 1.0
"""Seconds in which the reason for an executor's end follows the end of its socket."""


class LocalChannel:
    """One forked process; see `flamepy.engines.linked.carrier.Channel`.

    Args:
        carrier: Whose.
        number: The executor's.
        slot: Its cell of the progress file.
        data: Our end of the data socket.
        bell: Our end of the bell socket.
        output: The pipe behind its descriptors 1 and 2.

    Attributes:
        launcher: The template that forks and reaps it.
        pid: Its process; 0 until the template has said it.
        ended: Whether the template has reaped it.
    """

    is_open = True

    def __init__(
        self, carrier: LocalCarrier, number: int, slot: int, data: _socket.socket, bell: _socket.socket, output: int
    ) -> None:
        self.data = data
        self.bell = bell
        self.output = output
        self.slot = slot
        self.node = os.uname().nodename
        self.launcher: Launcher | None = None
        self.pid = 0
        self.unheard = False
        self.ended = False
        self._carrier = carrier
        self._number = number

    @property
    def patience(self) -> float:
        """Its template will tell how it ended, unless it was killed itself."""
        return STATUS_WAIT if self._carrier.reaps(self) else 0.0

    def ring(self, why: bytes, sequence: int) -> None:
        """Say what it is about, then have its main thread look."""
        import _signal

        try:
            self.bell.send(why + sequence.to_bytes(8, "little"))
            self.unheard = not self.pid
            if self.pid:
                os.kill(self.pid, _signal.SIGINT)
        except OSError:  # it has ended
            return

    def exists(self, pid: int) -> None:
        """The template has said who it is; it may have been rung before."""
        self.pid = pid
        if self.unheard:
            import _signal

            try:
                os.kill(pid, _signal.SIGINT)
            except OSError:  # it has ended
                return

    def running(self) -> int:
        """What stands in its cell."""
        return self._carrier.slots.running(self.slot)

    def kill(self) -> None:
        """Kill its process group."""
        if self.pid:
            kill_group(self.pid)

    def hang_up(self) -> None:
        """Close our ends; an idle executor ends then."""
        self.data.close()
        self.bell.close()

    def bury(self) -> None:
        """Its cell is free."""
        self._carrier.bury(self._number)
