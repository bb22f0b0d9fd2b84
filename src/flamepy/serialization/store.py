"""Where large buffers live, as encoder and decoder use it; `segments.Arena` is the one in shared memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flamepy.serialization.segments import Part, Segment


class Store(Protocol):
    """Segments by the name in a message: written here, or made from what arrived."""

    def write(self, buffers: Sequence[memoryview], on_free: Callable[[Segment], object]) -> tuple[Segment, Part]:
        """Copy buffers into one segment; returns it and its part of a message."""

    def segment(self, part: Part, on_free: Callable[[Segment], object]) -> Segment:
        """The segment of a part that arrived."""

    def views(self, segment: Segment, lengths: Sequence[int]) -> list[memoryview]:
        """Read-only views of a segment's buffers; it is in use until the last of them is gone."""

    def recycle(self, segment: Segment) -> bool:
        """Nobody looks at a segment of ours any more; says whether it is kept for the next object."""

    def forget(self, name: str) -> None:
        """Somebody else's segment is gone."""
