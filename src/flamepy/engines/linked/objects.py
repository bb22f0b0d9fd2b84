"""The client's objects: encoded once, in shared memory when large, counted, spilled when memory runs out.

A segment belongs to whoever wrote it. Those of the client are leased by completions and pending calls; those that an
executor wrote for a result are leased by the completion that got it, and go back to that executor for its next result.
"""

from __future__ import annotations

import os

from flamepy.completion import Encoded
from flamepy.serialization import stripes
from flamepy.serialization.codec import SHARED, Decoder, Encoder
from flamepy.serialization.segments import Arena, Lease, Ledger, Segment, StoreFull
from flamepy.wire.frames import Ask

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flamepy.engines.linked.links import Link
    from flamepy.serialization.segments import Part

POOL_SHARE = 4
"""Unused segments may take this fraction (one in so many) of the memory limit."""


class ObjectStore:
    """Encodes and decodes for an engine, and owns its segments.

    Args:
        folder: In shared memory.
        spill: On disk.
        limit: Bytes of shared memory that objects may take.
        main_by_value: See `flamepy.serialization.byvalue`.
        pool_limit: Bytes of unused segments that are kept for the next objects; None for a share of ``limit``.
        files: How many a large segment may have; see `flamepy.serialization.stripes`.
    """

    def __init__(
        self,
        folder: str,
        spill: str,
        limit: int,
        *,
        main_by_value: bool,
        pool_limit: int | None = None,
        files: int = 1,
    ) -> None:
        self.folder, self.spill, self.limit, self.files = folder, spill, limit, files
        self.ledger_path = f"{folder}/ledger"
        self.pool_limit = limit // POOL_SHARE if pool_limit is None else pool_limit
        self._ledger = Ledger(self.ledger_path, limit)
        self._arena = Arena(folder, spill, "c", self._ledger, self.pool_limit, files)
        self._written: dict[str, Segment] = {}
        self._foreign: dict[str, tuple[Segment, Link]] = {}
        self._links: list[Link] = []
        self._ours = True
        self.main_by_value = main_by_value
        self._encoder = Encoder(self._arena, self._free, main_by_value=main_by_value)
        self.decode = Decoder(self._arena, self._segment_of).value

    def join(self, link: Link) -> None:
        """One more executor maps our segments."""
        self._links.append(link)

    def leave(self, link: Link) -> None:
        """An executor is gone: so are its unused segments."""
        if link in self._links:
            self._links.remove(link)
        prefix = f"e{link.number}-"
        for folder in (self.folder, self.spill):
            for name, size in stripes.listed(folder, prefix).items():
                if name not in self._foreign:
                    self._delete(Segment(name, size, _nothing))

    # ---- encoding

    def arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Lease | None, list[Any]]:
        """Encode arguments, spilling other objects if memory is short; see `Encoder.arguments`."""
        payload, lease, found = self._encoder.arguments(args, kwargs)
        self._remember(lease)
        return payload, lease, found

    def value(self, obj: object) -> tuple[Any, Lease | None, list[Any]]:
        """Encode a value; see `Encoder.value`."""
        form, lease, found = self._encoder.value(obj)
        self._remember(lease)
        return form, lease, found

    def _remember(self, lease: Lease | None) -> None:
        if lease is None:
            return
        self._written[lease.segment.name] = lease.segment
        if lease.segment.spilled:
            self._make_room(lease.segment)

    def _make_room(self, newest: Segment) -> None:
        """The newest object went to disk because memory is full; move the oldest ones there for the next one."""
        wanted = newest.capacity
        for segment in list(self._written.values()):
            if wanted <= 0:
                return
            if segment is not newest and not segment.spilled and segment.uses:
                try:
                    self._arena.move_to_disk(segment)
                except StoreFull:
                    return
                self._tell(segment.name)
                wanted -= segment.capacity

    # ---- what executors made

    def adopt(self, link: Link, form: Any) -> Encoded:
        """Make the outcome of a value form that an executor sent."""
        if form[0] != SHARED:
            return Encoded(form, self.decode)
        keep: list[object] = []
        if form[2] is not None:
            name = form[2][0]
            known = self._segment_of(form[2]) if self._known(name) else None
            segment = known or Segment(name, form[2][1], self._free_foreign)
            if known is None:
                self._foreign[name] = segment, link
            keep.append(Lease(segment))
        keep += [self.adopt(link, value) for value in form[3] or () if type(value) is tuple]
        return Encoded(form, self.decode, keep)

    def lease_of(self, payload: Any, link: Link) -> object:
        """Leases on the segments of a call that a task made."""
        if type(payload) is not list:
            return None
        return self.adopt(link, (SHARED, *payload))

    def _known(self, name: str) -> bool:
        return name in self._written or name in self._foreign

    def _segment_of(self, part: Part) -> Segment:
        name = part[0]
        if name in self._written:
            return self._written[name]
        return self._foreign[name][0]

    # ---- the end of a segment

    def disown(self) -> None:
        """In a forked child: what its copies of objects held stays for the parent to free."""
        self._ours = False

    def _free(self, segment: Segment) -> None:
        if not self._ours:
            return
        self._written.pop(segment.name, None)
        if not self._arena.recycle(segment):
            self._tell(segment.name)

    def _free_foreign(self, segment: Segment) -> None:
        if not self._ours:
            return
        _, link = self._foreign.pop(segment.name)
        if link.ended:
            self._delete(segment)
        else:
            link.note(Ask.REUSE, (segment.name,), now=False)
            keeper = link.session.engine.keeper
            if not keeper.alert:  # which sends the note, soon
                keeper.arm()

    def dropped(self, name: str) -> None:
        """An executor removed one of its unused segments."""
        self._arena.forget(name)

    def _delete(self, segment: Segment) -> None:
        segment.spilled = not os.path.exists(f"{self.folder}/{segment.name}")
        self._arena.remove(segment)
        self._tell(segment.name)

    def _tell(self, name: str) -> None:
        for link in self._links:
            link.note(Ask.FORGET, (name,), now=False)

    def hold(self, link: Link, name: str) -> None:
        """A task kept a view of one of our segments."""
        segment = self._written.get(name) or (self._foreign[name][0] if name in self._foreign else None)
        if segment is not None:
            link.held[name] = Lease(segment)

    def trim(self) -> None:
        """Give unused segments back to the system."""
        for name in self._arena.trim(0):
            self._tell(name)

    def pooled(self) -> int:
        """Bytes of unused segments."""
        return self._arena.pooled()

    def used(self) -> int:
        """Bytes of shared memory in use by the engine."""
        return self._ledger.used()

    def close(self) -> None:
        """Close the accounts; the folders are removed by the engine, while objects that somebody holds stay mapped."""
        for segment in [*self._written.values(), *(segment for segment, _ in list(self._foreign.values()))]:
            if segment.uses:
                self._arena.map(segment)
        self._arena.close()
        self._ledger.close()


def _nothing(_segment: Segment) -> None:
    """A segment nobody leases."""
