"""Executors on this machine: a template process forks them, Unix sockets and shared memory connect them."""

from __future__ import annotations

import _socket
import os
import sys

from flamepy.engines.linked.machine import gpu_count, machine_memory, shared_memory_root, temporary_root, this_node
from flamepy.engines.linked.objects import ObjectStore
from flamepy.engines.linked.process import End
from flamepy.engines.local.channel import LocalChannel
from flamepy.engines.local.launcher import Launcher
from flamepy.engines.local.processes import Slots, end_orphan
from flamepy.errors import EngineUnavailable
from flamepy.model.specs import Resources
from flamepy.serialization import stripes
from flamepy.wire.pulse import CORES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextlib import ExitStack
    from typing import Any

    from flamepy.engines.linked.carrier import Clock, Reports
    from flamepy.engines.local.workplace import Workplace
    from flamepy.model.snapshot import NodeRecord
    from flamepy.model.specs import PackageRef, SessionSpec

MEMORY_SHARE = 0.3
"""Of the machine's memory, what objects may take unless told otherwise."""

SOCKET_BYTES = 1 << 20
"""Send buffer of the sockets; the system may allow less."""


class LocalCarrier:
    """Forks executors; see `flamepy.engines.linked.carrier.Carrier`.

    Args:
        object_memory: Bytes of shared memory for objects; None for 30 % of the machine's memory.
        main_by_value: Whether code of ``__main__`` travels by value.
        launcher: The template process, if it has been started already.
    """

    endpoint = "local://"
    place = "this machine"

    def __init__(
        self, *, object_memory: int | None = None, main_by_value: bool = False, launcher: Launcher | None = None
    ) -> None:
        self._object_memory = object_memory or int(MEMORY_SHARE * machine_memory())
        self._main_by_value = main_by_value
        self.resources = Resources(cpu=CORES, memory=machine_memory(), gpu=gpu_count())
        self.objects: ObjectStore
        self.python: str | None = None
        self.slots: Slots
        self._reports: Reports
        self._clock: Clock
        self._launcher = launcher
        self._channels: dict[int, LocalChannel] = {}
        self._litter: list[str] = []
        self._workplaces: dict[str, Workplace] = {}

    def open(self, engine: str, undo: ExitStack) -> None:
        """Make the folders for shared memory and for packages."""
        shared = f"{shared_memory_root()}/flamepy-{os.geteuid()}-{engine}"
        self.work_folder = f"{temporary_root()}/flamepy-{os.geteuid()}-{engine}.work"
        for folder in (shared, self.work_folder):
            self._add_litter(folder)
            os.mkdir(folder, 0o700)
            undo.callback(_remove, folder)
        undo.callback(self._abandon)  # before they are removed, which takes a descriptor
        spill = f"{self.work_folder}/spill"
        files = stripes.writers(CORES)
        self.objects = ObjectStore(shared, spill, self._object_memory, main_by_value=self._main_by_value, files=files)
        undo.callback(self.objects.close)
        self.slots = Slots(f"{shared}/progress")
        undo.callback(self.slots.close)

    def start(self, reports: Reports, clock: Clock) -> None:
        """Start the template process, so that it is warm when the first executor is wanted."""
        self._reports, self._clock = reports, clock
        if self._launcher is None:
            self._start_template()
        else:
            self._listen(self._launcher)

    def nodes(self) -> tuple[NodeRecord, ...]:
        """This machine."""
        return (this_node(),)

    # ---- packages

    def prepare(self, package: PackageRef) -> None:
        """Unpack it."""
        from flamepy.engines.local.workplace import Workplace

        self._workplaces[package.name] = Workplace(package, f"{self.work_folder}/{package.name}")
        for path in package.disposable:
            self._add_litter(path)
        if package.python is not None and package.python != self.python:
            self._use_python(package.python)

    def _use_python(self, python: str) -> None:
        """Fork from another interpreter: the template that was started ahead of its package is not the right one."""
        self.python = python
        launcher, self._launcher = self._launcher, None
        if launcher is not None:
            self._clock.ignore(launcher.fileno())
            launcher.abandon()
        self._start_template()

    def forget(self, package: PackageRef) -> None:
        """Remove what `prepare` unpacked."""
        workplace = self._workplaces.pop(package.name, None)
        if workplace is not None:
            _remove(workplace.folder)

    def binding(self, number: int, spec: SessionSpec) -> dict[str, Any]:
        """Where executors work on this machine; see `flamepy.runtime.host.ThisMachine`."""
        objects, workplace = self.objects, self._workplaces[spec.package.name]
        return {
            "path": workplace.path,
            "cwd": workplace.cwd,
            "prefix": (sys.prefix, sys.exec_prefix) if self.python is None else None,
            "site": workplace.needs_site,
            "main": os.path.join(workplace.folder, spec.main_path) if spec.main_path else None,
            "progress": self.slots.path,
            "folder": objects.folder,
            "spill": objects.spill,
            "creator": f"e{number}",
            "ledger": objects.ledger_path,
            "limit": objects.limit,
            "pool": objects.pool_limit // 2,
            "files": objects.files,
        }

    # ---- the template

    def _start_template(self) -> Launcher:
        launcher = self._launcher = Launcher(self._litter, self.python)
        self._listen(launcher)
        return launcher

    def _listen(self, launcher: Launcher) -> None:
        self._clock.watch(launcher.fileno(), lambda: self._hear(launcher))

    def _add_litter(self, path: str) -> None:
        """Have a file removed should this process be killed."""
        self._litter.append(path)
        if self._launcher is not None:
            self._launcher.add_litter(path)

    def _hear(self, launcher: Launcher) -> None:
        reports = launcher.reports()
        if reports is None:
            self._lose_template(launcher)
            return
        for number, pid, status in reports:
            channel = self._channels.get(number)
            if channel is None:
                continue
            if status is None:
                channel.exists(pid)
                self._reports.started(number, pid)
            else:
                channel.ended = True
                self._reports.ended(number, End(status))

    def _lose_template(self, launcher: Launcher) -> None:
        """It was killed. Its executors go on; nobody tells when they end."""
        self._clock.ignore(launcher.fileno())
        launcher.reap()
        if self._launcher is launcher:
            self._launcher = None
        for number, channel in list(self._channels.items()):
            if channel.launcher is launcher:
                self._reports.orphaned(number)

    # ---- executors

    def launch(self, number: int, spec: SessionSpec) -> LocalChannel:
        """Have a process forked that is connected to us.

        Raises:
            OSError: There are no descriptors left.
            EngineError: There is no template, or no room for one more.
        """
        slot = self.slots.take()
        ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM)
        bell, their_bell = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM)
        output, their_output = os.pipe()
        ours.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDBUF, SOCKET_BYTES)
        ours.setblocking(False)
        bell.setblocking(False)
        os.set_blocking(output, False)
        channel = self._channels[number] = LocalChannel(self, number, slot, ours, bell, output)
        try:
            channel.launcher = self._order(number, slot, [theirs.fileno(), their_bell.fileno(), their_output])
        except BaseException:
            os.close(output)
            channel.hang_up()
            channel.bury()
            raise
        finally:
            theirs.close()
            their_bell.close()
            os.close(their_output)
        return channel

    def _order(self, number: int, slot: int, descriptors: list[int]) -> Launcher:
        """Have the template fork; a new one if the old one was killed a moment ago."""
        if self._launcher is not None:
            try:
                self._launcher.fork(number, slot, descriptors)
            except EngineUnavailable:
                self._launcher = None  # `_hear` will learn it too
            else:
                return self._launcher
        launcher = self._start_template()
        launcher.fork(number, slot, descriptors)
        return launcher

    def reaps(self, channel: LocalChannel) -> bool:
        """Whether its end will be reported."""
        return channel.launcher is not None and channel.launcher is self._launcher

    def bury(self, number: int) -> None:
        """An executor is gone."""
        channel = self._channels.pop(number, None)
        if channel is not None:
            self.slots.give_back(channel.slot)

    # ---- the end

    def say_goodbye(self) -> None:
        """Let the template end all executors and itself."""
        if self._launcher is not None:
            self._clock.ignore(self._launcher.fileno())
            self._launcher.say_goodbye()

    def close(self) -> None:
        """Return when the processes of all executors are gone."""
        launcher, self._launcher = self._launcher, None
        for number, pid, status in launcher.close() if launcher is not None else ():
            channel = self._channels.get(number)
            if channel is not None:
                channel.pid, channel.ended = pid, status is not None
        for channel in self._channels.values():
            if channel.pid and not channel.ended:
                end_orphan(channel.pid)

    def _abandon(self) -> None:
        launcher, self._launcher = self._launcher, None
        if launcher is not None:
            launcher.abandon()

    def disown(self) -> None:
        """In a forked child: it has no business with the template."""
        if self._launcher is not None:
            self._launcher.disown()


def _remove(folder: str) -> None:
    try:  # with one descriptor and no import, for there may be none left; shutil's would take five milliseconds, too
        for name in os.listdir(folder):
            try:
                os.unlink(f"{folder}/{name}")
            except (IsADirectoryError, PermissionError):  # as Linux says it, and macOS
                _remove(f"{folder}/{name}")
        os.rmdir(folder)
    except FileNotFoundError:  # it has gone with the one above it
        return
    except OSError:
        import shutil

        shutil.rmtree(folder, ignore_errors=True)
