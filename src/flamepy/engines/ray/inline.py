"""Large buffers inside of messages, for clients that Ray's object store does not reach (``ray://host:port``)."""

from __future__ import annotations

from flamepy.completion import Encoded
from flamepy.serialization.codec import SHARED, Decoder, Encoder
from flamepy.serialization.segments import Segment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from flamepy.engines.linked.links import Link


class InlineSegment(Segment):
    """Buffers as bytes, one behind the other."""

    __slots__ = ("data",)

    def __init__(self, part: Any, on_free: Callable[[Segment], object]) -> None:
        super().__init__(part[0], part[1], on_free)
        self.data: bytes = part[3]


class InlineStore:
    """See `flamepy.serialization.store.Store`."""

    def __init__(self, creator: str) -> None:
        self._creator = creator
        self._count = 0

    def write(self, buffers: Sequence[memoryview], on_free: Callable[[Segment], object]) -> tuple[Segment, Any]:
        """Copy buffers into one string of bytes."""
        data = b"".join(buffers)
        self._count += 1
        part = (f"{self._creator}-{self._count}", len(data), tuple(buffer.nbytes for buffer in buffers), data)
        return InlineSegment(part, on_free), part

    def segment(self, part: Any, on_free: Callable[[Segment], object]) -> Segment:
        """What has arrived."""
        return InlineSegment(part, on_free)

    def views(self, segment: Segment, lengths: Sequence[int]) -> list[memoryview]:
        """Views of the message itself."""
        assert isinstance(segment, InlineSegment)
        whole, offset, views = memoryview(segment.data), 0, []
        for length in lengths:
            views.append(whole[offset : offset + length])
            offset += length
        return views

    def recycle(self, segment: Segment) -> bool:
        """There is nothing to keep."""
        return True

    def forget(self, name: str) -> None:
        """Nothing is cached."""


class InlineObjects:
    """The client's side; see `flamepy.engines.linked.carrier.Objects`.

    Args:
        main_by_value: See `flamepy.serialization.byvalue`.
    """

    def __init__(self, *, main_by_value: bool) -> None:
        store = InlineStore("c")
        self.main_by_value = main_by_value
        encoder = Encoder(store, _nothing, main_by_value=main_by_value)
        self.arguments, self.value = encoder.arguments, encoder.value
        self.decode = Decoder(store, lambda part: InlineSegment(part, _nothing)).value

    def adopt(self, link: Link, form: Any) -> Encoded:
        """The form holds all that there is; the executor may forget it."""
        if form[0] == SHARED and form[2] is not None:
            from flamepy.wire.frames import Ask

            link.note(Ask.REUSE, (form[2][0],), now=False)
        return Encoded(form, self.decode)

    def lease_of(self, payload: Any, link: Link) -> object:
        """The payload holds all that there is."""
        return None

    def join(self, link: Link) -> None:
        """Nothing is shared."""

    def leave(self, link: Link) -> None:
        """Nothing was."""

    def hold(self, link: Link, name: str) -> None:
        """It has its own copy."""

    def dropped(self, name: str) -> None:
        """Nothing was mapped."""

    def trim(self) -> None:
        """Nothing is kept."""

    def used(self) -> int:
        """Unknown: they are ordinary memory."""
        return 0

    def disown(self) -> None:
        """They are ordinary memory."""


def _nothing(_segment: Segment) -> None:
    """Memory is freed by itself."""
