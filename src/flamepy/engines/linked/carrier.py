"""What the linked engine needs of a place to run executors in: the only thing that differs between its drivers.

::

    Fleet ──launch──► Carrier ──► Channel: data socket, raw output, bell, running call     one for each executor
          ◄─Reports── Carrier                                                                started, ended
    answers, queue ──► Objects                                                               where large buffers live
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import _socket
    from collections.abc import Callable
    from contextlib import ExitStack

    from flamepy.completion import Encoded
    from flamepy.engines.linked.links import Link
    from flamepy.engines.linked.process import End
    from flamepy.model.snapshot import NodeRecord
    from flamepy.model.specs import PackageRef, Resources, SessionSpec


class Clock(Protocol):
    """The engine's background thread, as carriers use it; they may call it on any thread."""

    def watch(self, descriptor: int, handler: Callable[[], object]) -> None:
        """Call ``handler`` on its thread whenever ``descriptor`` is readable."""

    def ignore(self, descriptor: int) -> None:
        """Watch it no longer."""

    def after(self, seconds: float, action: Callable[[], object]) -> None:
        """Call ``action`` on its thread in so many seconds."""


class Reports(Protocol):
    """Whom a carrier tells what became of executors, on the clock's thread."""

    def started(self, number: int, pid: int) -> None:
        """It exists; from now on a channel that was not open is."""

    def waiting(self, number: int, why: str) -> None:
        """It cannot exist yet."""

    def ended(self, number: int, end: End) -> None:
        """It is gone, whether it was told to end or not; once for each."""

    def orphaned(self, number: int) -> None:
        """Nobody will report its end any more; it may go on."""


class Channel(Protocol):
    """The connection to one executor."""

    @property
    def data(self) -> _socket.socket:
        """A non-blocking stream socket for `wire.frames`, the same for ever."""

    @property
    def is_open(self) -> bool:
        """Whether it is connected; if not it is used after `Reports.started` only."""

    @property
    def output(self) -> int:
        """A non-blocking descriptor with its raw output; -1: there is none, see `Output.raw`."""

    @property
    def node(self) -> str:
        """The machine's name, as far as it is known."""

    @property
    def patience(self) -> float:
        """Seconds within which its end is reported after that of ``data``; 0: it will not be."""

    def ring(self, why: bytes, sequence: int) -> None:
        """Interrupt it: ``why`` is one byte, see `runtime.loop`; ``sequence`` the call that is meant."""

    def running(self) -> int | None:
        """Number of the call that it runs, or ran when it ended; 0 for none, None if nobody knows."""

    def kill(self) -> None:
        """End its process, and what that has started, for good."""

    def hang_up(self) -> None:
        """Close our ends, without a word; also in a forked child."""

    def bury(self) -> None:
        """It is gone and all that it said was heard: free what it had."""


class Carrier(Protocol):
    """Starts executors somewhere; all but the constructor is called by one engine.

    One whose messages take long on their way has a ``latency`` too, seconds for there and back: executors are then
    given more work ahead, and a call is not taken for slow that only travels far.
    """

    endpoint: str
    place: str  # "this machine", for messages

    @property
    def resources(self) -> Resources:
        """What there is in all at this moment, of what services ask for by name."""

    @property
    def objects(self) -> Objects:
        """The store, once it is open."""

    def nodes(self) -> tuple[NodeRecord, ...]:
        """The machines, for people."""

    def open(self, engine: str, undo: ExitStack) -> None:
        """Make folders and the object store; ``undo`` runs last of all, or when the engine cannot be made."""

    def start(self, reports: Reports, clock: Clock) -> None:
        """Begin; raises EngineUnavailable."""

    def prepare(self, package: PackageRef) -> None:
        """Bring a package to where executors work."""

    def forget(self, package: PackageRef) -> None:
        """Remove it there."""

    def launch(self, number: int, spec: SessionSpec) -> Channel:
        """Start executor ``number``; raises OSError or EngineError."""

    def binding(self, number: int, spec: SessionSpec) -> dict[str, Any]:
        """What `Ask.BIND` says of the executor's machine: folders, path, arena; see `runtime.host`."""

    def say_goodbye(self) -> None:
        """End all executors, whose channels are closed already; do not wait."""

    def close(self) -> None:
        """Return when no executor is left; reports on this thread how those ended that had not."""

    def disown(self) -> None:
        """In a forked child: close copies of descriptors and nothing else."""


class Objects(Protocol):
    """Where large buffers live; forms and payloads are those of `serialization.codec`."""

    main_by_value: bool

    @property
    def decode(self) -> Callable[[Any], Any]:
        """Turns a value form into its value."""

    def arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any, list[Any]]:
        """Encode arguments: payload, what has to live until it is answered, Completions found."""

    def value(self, obj: object) -> tuple[Any, Any, list[Any]]:
        """Encode a value: form, what has to live as long as it, Completions found."""

    def adopt(self, link: Link, form: Any) -> Encoded:
        """Make the outcome of a value form that an executor sent."""

    def lease_of(self, payload: Any, link: Link) -> object:
        """What has to live until a call that a task made is answered."""

    def join(self, link: Link) -> None:
        """One more executor may be sent objects."""

    def leave(self, link: Link) -> None:
        """An executor is gone."""

    def hold(self, link: Link, name: str) -> None:
        """A task kept a view of an argument (`Say.HELD`)."""

    def dropped(self, name: str) -> None:
        """An executor removed one of its unused objects (`Say.DROPPED`)."""

    def trim(self) -> None:
        """Give unused memory back; called every few seconds."""

    def used(self) -> int:
        """Bytes in use."""

    def disown(self) -> None:
        """In a forked child: free nothing."""
