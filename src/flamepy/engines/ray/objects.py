"""The client's side: large buffers are Ray objects of this process, which lets go of them when nobody needs them."""

from __future__ import annotations

from flamepy.completion import Encoded
from flamepy.serialization.codec import SHARED, Decoder, Encoder
from flamepy.serialization.segments import Lease, Segment, StoreFull
from flamepy.wire.frames import Ask

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from flamepy.engines.linked.links import Link
    from flamepy.engines.ray.channel import RayChannel
    from flamepy.engines.ray.cluster import Cluster


class OwnedSegment(Segment):
    """A Ray object of ours, alive as long as it has a use."""

    __slots__ = ("ref",)

    def __init__(self, name: str, capacity: int, on_free: Callable[[Segment], object], ref: Any) -> None:
        super().__init__(name, capacity, on_free)
        self.ref = ref


class RayObjects:
    """Encodes and decodes for an engine; see `flamepy.engines.linked.carrier.Objects`.

    Args:
        cluster: The connection.
        main_by_value: See `flamepy.serialization.byvalue`.
    """

    def __init__(self, cluster: Cluster, *, main_by_value: bool) -> None:
        self._cluster = cluster
        self._vault = cluster.vault
        self._segments: dict[str, OwnedSegment] = {}
        self._ours = True
        self.main_by_value = main_by_value
        encoder = Encoder(self, self._free, main_by_value=main_by_value)
        self.arguments, self.value = encoder.arguments, encoder.value
        self.decode = Decoder(self, self._segment_of).value

    # ---- what the codec needs of a store

    def write(self, buffers: Sequence[memoryview], on_free: Callable[[Segment], object]) -> tuple[Segment, Any]:
        """Put buffers into one Ray object.

        Raises:
            StoreFull: Ray has no room for it.
        """
        import ray

        size = sum(buffer.nbytes for buffer in buffers)
        try:
            ref = self._vault.put(buffers)
        except ray.exceptions.ObjectStoreFullError as error:
            raise StoreFull(
                f"an object of {size:,} bytes does not fit into Ray's object store; drop ObjectExprs that you no "
                "longer need, or give the nodes more with --object-store-memory",
                size=size,
            ) from error
        return self._remember(ref, size, tuple(buffer.nbytes for buffer in buffers))

    def _remember(self, ref: Any, size: int, lengths: tuple[int, ...]) -> tuple[OwnedSegment, Any]:
        name = ref.hex()
        segment = self._segments[name] = OwnedSegment(name, size, self._free, ref)
        return segment, (name, size, lengths, self._vault.describe(ref))

    def segment(self, part: Any, on_free: Callable[[Segment], object]) -> Segment:
        """The segment of a part."""
        return self._segment_of(part)

    def views(self, segment: Segment, lengths: Sequence[int]) -> list[memoryview]:
        """Map it on this node; Ray fetches it from another if need be."""
        assert isinstance(segment, OwnedSegment)
        return self._vault.fetch(segment.ref)

    def recycle(self, segment: Segment) -> bool:
        """Ray reuses memory by itself."""
        return False

    def forget(self, name: str) -> None:
        """Nothing is cached."""

    # ---- what executors made

    def adopt(self, link: Link, form: Any) -> Encoded:
        """Make the outcome of a value form that an executor sent; its buffers become a Ray object of ours."""
        if form[0] != SHARED:
            return Encoded(form, self.decode)
        keep: list[object] = []
        part = form[2]
        if part is not None:
            segment, part = self._take(link, part) if len(part) == 3 else self._known(part)
            keep.append(Lease(segment))
        values = form[3]
        if values:
            adopted = [self.adopt(link, value) if type(value) is tuple else value for value in values]
            keep += adopted
            values = [each.form if type(each) is Encoded else each for each in adopted]
        return Encoded((SHARED, form[1], part, values), self.decode, keep)

    def _take(self, link: Link, part: Any) -> tuple[OwnedSegment, Any]:
        """Have the steward turn an executor's segment into an object of ours, then let the executor reuse it."""
        name, capacity, lengths = part
        channel: RayChannel = link.channel  # type: ignore[assignment]
        assert channel.address is not None
        steward = self._cluster.steward(channel.address.node)
        ref, done = steward.do.options(num_returns=2).remote("take", name, capacity, lengths)
        channel.takes.add(done)
        keeper = link.session.engine.keeper

        def taken(_: object) -> None:
            channel.takes.discard(done)
            if not link.ended:
                link.note(Ask.REUSE, (name,), now=False)
                if not keeper.alert:  # which sends the note, soon
                    keeper.arm()

        done.future().add_done_callback(taken)
        return self._remember(ref, capacity, lengths)

    def _known(self, part: Any) -> tuple[OwnedSegment, Any]:
        """A Ray object that came back, or one that another client's task put."""
        segment = self._segments.get(part[0])
        if segment is None:
            segment = OwnedSegment(part[0], part[1], self._free, self._vault.adopt(part[3]))
            self._segments[part[0]] = segment
        return segment, part

    def lease_of(self, payload: Any, link: Link) -> object:
        """What has to live until a call that a task made is answered; the payload is rewritten to name it."""
        if type(payload) is not list:
            return None
        adopted = self.adopt(link, (SHARED, *payload))
        payload[1:] = adopted.form[2:]
        return adopted

    def _segment_of(self, part: Any) -> OwnedSegment:
        return self._segments[part[0]]

    # ---- executors come and go

    def join(self, link: Link) -> None:
        """Nothing is said to executors about objects."""

    def leave(self, link: Link) -> None:
        """What it made was taken, see `RayChannel.bury`."""

    def hold(self, link: Link, name: str) -> None:
        """A task kept a view of an argument; Ray knows, but the object must not be fetched anew."""
        segment = self._segments.get(name)
        if segment is not None:
            link.held[name] = Lease(segment)

    def dropped(self, name: str) -> None:
        """Nothing was mapped here."""

    def trim(self) -> None:
        """Ray does."""

    def used(self) -> int:
        """Bytes of the objects that this engine keeps alive."""
        return sum(segment.capacity for segment in list(self._segments.values()))

    def disown(self) -> None:
        """In a forked child: it is not connected to Ray."""
        self._ours = False

    def _free(self, segment: Segment) -> None:
        if self._ours:
            self._segments.pop(segment.name, None)
