"""What waits to leave, in order: bytes, and the objects that they refer to, which go ahead of them piece by piece."""

from __future__ import annotations

from collections import deque

from flamepy.engines.flame.host.bulk import LARGE, PART

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from flamepy.engines.flame.host.bulk import Reference
    from flamepy.engines.flame.host.letters import Piece

    Read = Callable[[str, int, int], bytes]
    Refer = Callable[[bytes], Reference | None]

REFERENCE_ROOM = 800_000
"""Bytes that a reference to a part counts for, so that not too many parts lie in the cache at a time."""


class Outbox:
    """A queue of bytes and objects.

    Args:
        read: Gives a part of an object: its name, where the part begins, its size.

    Attributes:
        size: Bytes in it, without the objects.
        large: How many large objects are in it.
        refer: Puts a part of a large object where the other end finds it, and says where; None if it cannot. None while
            all objects are to leave as they are.
    """

    refer: Refer | None = None

    def __init__(self, read: Read) -> None:
        self.size = self.large = 0
        self._read = read
        self._queue: deque[bytes | tuple[str, int]] = deque()
        self._offset = 0

    def __bool__(self) -> bool:
        return bool(self._queue)

    def add(self, data: bytes) -> None:
        """Add bytes."""
        if data:
            self._queue.append(data)
            self.size += len(data)

    def add_object(self, name: str, capacity: int) -> None:
        """Add an object; what is added later may refer to it."""
        self.large += capacity >= LARGE
        self._queue.append((name, capacity))

    def fill(self, room: int) -> tuple[bytes, tuple[Piece, ...]]:
        """Take out, in its order, what fits into ``room`` bytes.

        Raises:
            FileNotFoundError: An object is gone.
        """
        data, pieces = bytearray(), []
        while self._queue and room > 0:
            first = self._queue[0]
            if isinstance(first, bytes):
                room -= self._take_bytes(first, data, room)
            else:
                piece = self._take_piece(*first, room)
                pieces.append(piece)
                room -= len(piece[3]) if isinstance(piece[3], bytes) else REFERENCE_ROOM
        return bytes(data), tuple(pieces)

    def _take_bytes(self, first: bytes, data: bytearray, room: int) -> int:
        part = first[:room]
        data += part
        self.size -= len(part)
        if len(part) < len(first):
            self._queue[0] = first[room:]
        else:
            self._queue.popleft()
        return len(part)

    def _take_piece(self, name: str, capacity: int, room: int) -> Piece:
        begin, reference = self._offset, None
        if self.refer is not None and capacity - begin >= LARGE:
            part = self._read(name, begin, min(PART, capacity - begin))
            reference = self.refer(part)
            if reference is None:
                part = part[:room]
        else:
            part = self._read(name, begin, min(room, capacity - begin))
        self._offset += len(part)
        if self._offset >= capacity or not part:
            self._offset = 0
            self._queue.popleft()
            self.large -= capacity >= LARGE
        return name, capacity, begin, reference or part
