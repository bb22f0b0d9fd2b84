"""The executor's side: its folders, its ``sys.path``, and where its large buffers live.

What it makes goes to the node's shared memory, from where the steward turns it into a Ray object of the client's, so
that results outlive their executor. What it is sent are Ray objects, mapped without a copy.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from flamepy.engines.ray import folders
from flamepy.serialization.segments import Arena, Ledger, Segment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from flamepy.engines.ray.box import Box
    from flamepy.engines.ray.ticket import Ticket
    from flamepy.serialization.store import Store

POOL_BYTES = 256 << 20
"""Unused shared memory that an executor keeps for its next results."""


class RayHost:
    """The node of an executor; see `flamepy.runtime.host.Host`.

    Args:
        ticket: What the executor is for.
        running: The cell for the number of the running call.
        box: What outlives it.
    """

    def __init__(self, ticket: Ticket, running: memoryview, box: Box) -> None:
        self._ticket = ticket
        self._running = running
        self._box = box

    def complete(self, binding: dict[str, Any]) -> dict[str, Any]:
        """Unpack the package, unless another executor of this node has, and put it on the path."""
        self._box.note_faults()
        folder = self._unpacked()
        path = [os.path.normpath(f"{folder}/{root}") for root in binding["roots"]]
        own = [entry for entry in sys.path if not _inside(entry, binding["project"])]
        if self._ticket.environment == "uv":
            shared = _installed(Path(folder))
        else:
            shared = [entry for entry in binding["outside"] if os.path.exists(entry)]
        cwd = os.path.normpath(f"{folder}/{binding['cwd']}")
        main = binding["main"]
        return binding | {
            "path": list(dict.fromkeys([*path, *shared, *own])),
            "cwd": cwd if os.path.isdir(cwd) else folder,
            "prefix": (sys.prefix, sys.exec_prefix),
            "main": os.path.join(folder, main) if main else None,
        }

    def _unpacked(self) -> str:
        from flamepy.packaging.archive import unpack
        from flamepy.packaging.locks import locked

        ticket = self._ticket
        work = folders.work_folder(ticket.client)
        folder = f"{work}/{ticket.package}"
        with locked(f"{work}/.{ticket.package}.lock"):
            if not os.path.isdir(folder):
                import ray

                archive = Path(f"{work}/.{ticket.package}.tar.gz")
                archive.write_bytes(ray.get(ticket.archive[0]))
                try:
                    unpack(archive, Path(folder), sha256=ticket.sha256)
                finally:
                    archive.unlink()
        return folder

    def store(self, binding: dict[str, Any]) -> Store:
        """Shared memory for results, Ray objects for arguments."""
        memory = folders.memory_folder(self._ticket.client)
        ledger = Ledger(f"{memory}/ledger", binding["limit"])
        spill = f"{folders.work_folder(self._ticket.client)}/.spill"
        return NodeStore(Arena(memory, spill, self._ticket.name, ledger, POOL_BYTES))

    def progress_cell(self, binding: dict[str, Any]) -> memoryview:
        """The first half of the box."""
        return self._running


class RaySegment(Segment):
    """A Ray object; Ray itself counts who looks at it."""

    __slots__ = ("ref",)

    def __init__(self, part: Any, on_free: Callable[[Segment], object]) -> None:
        super().__init__(part[0], part[1], on_free)
        self.ref = adopt_reference(part[3])


class NodeStore:
    """See `flamepy.serialization.store.Store`."""

    def __init__(self, arena: Arena) -> None:
        self._arena = arena
        self.write = arena.write
        self.recycle = arena.recycle
        self.forget = arena.forget

    def segment(self, part: Any, on_free: Callable[[Segment], object]) -> Segment:
        """A Ray object that was sent, or a segment of our own that came back."""
        return RaySegment(part, on_free) if len(part) > 3 else self._arena.segment(part, on_free)

    def views(self, segment: Segment, lengths: Sequence[int]) -> list[memoryview]:
        """Map it."""
        if not isinstance(segment, RaySegment):
            return self._arena.views(segment, lengths)
        return fetch(segment.ref)


def _installed(project: Path) -> list[str]:
    """What a project's own environment adds to ``sys.path``; it is made on this node, once.

    Ray goes on with its own packages: what it has imported by now, numpy for example, is not loaded a second time.
    """
    import site

    from flamepy.packaging.environment import resolve_environment, site_packages

    python = resolve_environment("uv", project, linked=False)
    assert python is not None
    before = list(sys.path)
    site.addsitedir(str(site_packages(Path(python).parents[1])))
    added = [entry for entry in sys.path if entry not in before]
    sys.path[:] = before
    return added


def fetch(ref: Any) -> list[memoryview]:
    """The buffers of a Ray object, read-only, mapped where it lies on this node."""
    import ray

    return [memoryview(buffer) for buffer in ray.get(ref)]


def reference_of(ref: Any) -> tuple[bytes, bytes, bytes]:
    """A Ray reference as it travels in our messages; whoever sends it keeps it until the other side is done.

    Not by pickling: Ray pins what is pickled outside of its own calls until the program ends.
    """
    identity, owner, status = _core_worker().serialize_object_ref(ref)
    return identity.binary(), owner, status


def adopt_reference(travelled: tuple[bytes, bytes, bytes]) -> Any:
    """The reference that `reference_of` described, known to Ray on this side."""
    import ray

    identity, owner, status = travelled
    kind: Any = ray.ObjectRef
    ref, nobody = kind(identity, owner, "flamepy"), kind.nil()
    _core_worker().deserialize_and_register_object_ref(identity, nobody, owner, status)
    return ref


def _core_worker() -> Any:
    from ray._private import worker

    connected: Any = worker.global_worker
    return connected.core_worker


def _inside(entry: str, project: str) -> bool:
    where = os.path.abspath(entry) if entry else os.getcwd()
    if where.startswith((sys.prefix + os.sep, sys.base_prefix + os.sep)):
        return False
    return where == project or where.startswith(project + os.sep)
