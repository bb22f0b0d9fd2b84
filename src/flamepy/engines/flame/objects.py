"""The client's objects, whose copies travel: each executor's machine has its own of those that it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flamepy.engines.linked.objects import ObjectStore
from flamepy.serialization.pieces import read_piece, remove_segment, write_piece

if TYPE_CHECKING:
    from flamepy.serialization.segments import Segment


class TravellingObjects(ObjectStore):
    """Objects in this machine's shared memory, with copies elsewhere.

    What the client writes is sent to an executor with the first call that needs it. What an executor writes arrives
    here before the answer that refers to it. No segment is written twice, since copies go by its name.

    Args:
        folder: In shared memory.
        spill: On disk.
        limit: Bytes of shared memory that objects may take.
        main_by_value: See `flamepy.serialization.byvalue`.
    """

    def __init__(self, folder: str, spill: str, limit: int, *, main_by_value: bool) -> None:
        super().__init__(folder, spill, limit, main_by_value=main_by_value, pool_limit=0)

    def _free_foreign(self, segment: Segment) -> None:
        super()._free_foreign(segment)
        if self._ours:
            self._tell(segment.name)  # others may have been sent it
            self.remove(segment.name)

    def counts(self, number: int) -> tuple[int, ...]:
        """The calls of the service that an executor works for: pending, running, succeeded, failed, cancelled."""
        session = next((link.session for link in self._links if link.number == number), None)
        if session is None:
            return ()
        running = sum(len(link.pending) for link in list(session.links))
        return len(session.queued), running, session.succeeded, session.failed, session.cancelled

    def write(self, name: str, capacity: int, offset: int, data: bytes | memoryview) -> None:
        """Take in a part of an object that an executor made.

        Raises:
            OSError: There is no room.
        """
        write_piece(self.folder, name, capacity, offset, data)

    def read(self, name: str, offset: int, size: int) -> bytes:
        """Return a part of an object.

        Raises:
            FileNotFoundError: It is gone.
        """
        # It may be on its way from one to the other.
        return read_piece((self.folder, self.spill, self.folder), name, offset, size)

    def remove(self, name: str) -> None:
        """Remove the copy of an executor's object."""
        remove_segment(self.folder, name)
