"""Values and arguments to what travels between a client and its executors, and back.

Most calls carry a few numbers and short strings: tuples of exact immutable types are left as they are and go through
:mod:`marshal` with the whole message. All else is pickled (protocol 5) when the call is made, so that the caller may
change its objects afterwards; large buffers are taken out of the pickle and put into shared memory.

What travels::

    arguments   (1, "a")                      as they are
                b"..."                        pickle of a tuple, or of [tuple, dict]
                [b"...", segment, [values]]   with buffers in shared memory and values of Completions
    value       1                             as it is
                (PICKLED, b"...")
                (SHARED, b"...", segment, [values])

A Completion inside an argument, at any depth, is pickled as its place in the list of values; the value is filled in
when the call is sent and looked up when it is unpickled.
"""

from __future__ import annotations

from _pickle import PickleBuffer, PicklingError
from _pickle import dumps as _pickle_dumps
from _pickle import loads as _pickle_loads
from _thread import _local
from functools import partial

from flamepy.errors import SerializationError
from flamepy.serialization.blame import explain
from flamepy.serialization.segments import LARGE, Lease, Segment

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from flamepy.serialization.segments import Part
    from flamepy.serialization.store import Store

NUMBERS = frozenset({int, float, bool, complex, type(None)})
"""Exact types that always travel as they are."""

TEXTS = frozenset({str, bytes})
"""Exact types that travel as they are while they are short."""

SHORT = 1024
"""Characters or bytes up to which texts travel as they are."""

PICKLED, SHARED = 0, 1


class _References(_local):
    """Completions met while pickling, and the values to put in their place while unpickling, per thread."""

    found: list[Any] | None = None
    values: Sequence[Any] = ()


_references = _References()


def reference(completion: object) -> tuple[Callable[[int], Any], tuple[int]]:
    """The ``__reduce__`` of a Completion: its place in the list of values of the call being pickled.

    Raises:
        SerializationError: It is pickled by something else than a call.
    """
    if _references.found is None:
        raise SerializationError(
            "an ObjectExpr can only be pickled as an argument of a service call or of runner.put(); "
            "pass it there, or pickle what get() returns"
        )
    _references.found.append(completion)
    return dereference, (len(_references.found) - 1,)


def dereference(place: int) -> Any:
    """Stand-in for a Completion while an argument is unpickled."""
    return _references.values[place]


def dumps(obj: object, buffer_callback: Callable[[Any], object] | None = None, *, main_by_value: bool = False) -> bytes:
    """Pickle ``obj`` (protocol 5), by value where it cannot be imported elsewhere.

    Args:
        obj: Anything.
        buffer_callback: Takes the large buffers out of the pickle, see :mod:`pickle`.
        main_by_value: Whether names of ``__main__`` travel by value too.

    Raises:
        Exception: Whatever the pickling of a part of ``obj`` raises.
    """
    taken: list[Any] = []
    keep = None if buffer_callback is None else taken.append
    try:
        data = _pickle_dumps(obj, 5, buffer_callback=keep)
    except (PicklingError, AttributeError, TypeError):
        taken.clear()
        data = _by_value(obj, keep, main_by_value)
    else:
        if main_by_value and b"__main__" in data:
            taken.clear()
            data = _by_value(obj, keep, main_by_value)
    for buffer in taken:
        buffer_callback(buffer)  # type: ignore[misc]
    return data


def _by_value(obj: object, keep: Callable[[Any], object] | None, main_by_value: bool) -> bytes:  # noqa: FBT001
    from flamepy.serialization import byvalue

    if _references.found:
        _references.found.clear()
    return byvalue.dumps(obj, keep, main_by_value=main_by_value)


loads = _pickle_loads


class _NotSmall(Exception):
    """Raised to leave the pickling of something that turns out not to be small and simple."""


def _leave(_buffer: object) -> None:
    raise _NotSmall


def dumps_small(obj: object, *, main_by_value: bool) -> bytes | None:
    """Pickle what is small and holds neither large buffers nor Completions; None for anything else.

    The usual case in one call of C code, without the bookkeeping of `Encoder`.
    """
    try:
        data = _pickle_dumps(obj, 5, buffer_callback=_leave)
    except Exception:
        return None
    if len(data) >= LARGE or (main_by_value and b"__main__" in data):
        return None
    return data


BULK = frozenset({bytes, bytearray})
"""Exact types that pickle copies into its stream, however large they are."""


class Bulk:
    """Carries a large ``bytes`` or ``bytearray`` out of band instead."""

    __slots__ = ("data",)

    def __init__(self, data: bytes | bytearray) -> None:
        self.data = data

    def __reduce__(self) -> tuple[Callable[[Any], bytes | bytearray], tuple[PickleBuffer]]:
        return type(self.data), (PickleBuffer(self.data),)


def _is_bulk(obj: Any) -> bool:
    return type(obj) in BULK and len(obj) >= LARGE


class Encoder:
    """Turns values into what travels.

    Args:
        arena: Where large buffers go.
        on_free: What happens to a segment that nobody uses any more.
        main_by_value: See `dumps`.
    """

    def __init__(self, arena: Store, on_free: Callable[[Segment], object], *, main_by_value: bool) -> None:
        self._arena = arena
        self._on_free = on_free
        self.main_by_value = main_by_value

    def arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Lease | None, list[Any]]:
        """Encode the arguments of a call that are not all short and immutable.

        Returns:
            The payload, a lease on its segment if it has one, and the Completions found in it. With Completions the
            payload is a list whose last item is None until `fill` puts their values there.

        Raises:
            SerializationError: Something in them cannot be pickled; the message says where.
        """
        if not BULK.isdisjoint(map(type, args)) and any(map(_is_bulk, args)):
            bulks = {id(a): Bulk(a) for a in args if _is_bulk(a)}  # one for each, wherever it is passed twice
            args = tuple(bulks.get(id(a), a) for a in args)
        else:
            small = dumps_small([args, kwargs] if kwargs else args, main_by_value=self.main_by_value)
            if small is not None:
                return small, None, []
        data, part, lease, found = self._encode([args, kwargs] if kwargs else args, "argument")
        if part is None and not found:
            return data, None, found
        return [data, part, None], lease, found

    def value(self, obj: object) -> tuple[Any, Lease | None, list[Any]]:
        """Encode one value; the Completions found in it have to be filled in as for `arguments`.

        Raises:
            SerializationError: It cannot be pickled.
        """
        kind = type(obj)
        if kind in NUMBERS or (kind in TEXTS and len(obj) <= SHORT):  # type: ignore[arg-type]
            return obj, None, []
        bulk = _is_bulk(obj)
        small = None if bulk else dumps_small(obj, main_by_value=self.main_by_value)
        if small is not None:
            return (PICKLED, small), None, []
        data, part, lease, found = self._encode(Bulk(obj) if bulk else obj, "value")  # type: ignore[arg-type]
        if part is None and not found:
            return (PICKLED, data), None, found
        return (SHARED, data, part, None), lease, found

    def _encode(self, obj: object, what: str) -> tuple[bytes, Part | None, Lease | None, list[Any]]:
        outer, _references.found = _references.found, []
        buffers: list[PickleBuffer] = []
        try:
            data = dumps(obj, buffers.append, main_by_value=self.main_by_value)
            found = _references.found
        except RecursionError as error:
            raise SerializationError(f"a {what} is nested too deeply to be pickled; flatten it") from error
        except Exception as error:
            _references.found = []
            raise explain(obj, error, what, partial(probe, main_by_value=self.main_by_value)) from error
        finally:
            _references.found = outer
        raws = [b.raw() for b in buffers]
        if sum(r.nbytes for r in raws) + len(data) < LARGE:
            return (self._in_band(obj) if raws else data), None, None, found
        if len(data) >= LARGE:  # a large stream travels in shared memory too, as the last buffer
            raws.append(memoryview(data))
            data = b""
        segment, part = self._arena.write(raws, self._on_free)
        return data, part, Lease(segment), found

    def _in_band(self, obj: object) -> bytes:
        outer, _references.found = _references.found, []
        try:
            return dumps(obj, main_by_value=self.main_by_value)
        finally:
            _references.found = outer


class Decoder:
    """Turns what travelled into values.

    Args:
        arena: Where segments are mapped.
        segment_of: Finds or makes the `Segment` of a message's part.
    """

    def __init__(self, arena: Store, segment_of: Callable[[Part], Segment]) -> None:
        self._arena = arena
        self._segment_of = segment_of

    def value(self, form: Any) -> Any:
        """Decode a value form."""
        if type(form) is not tuple:
            return form
        if form[0] == PICKLED:
            return loads(form[1])
        return self.shared(form[1], form[2], form[3])

    def shared(self, data: bytes, part: Part | None, values: Sequence[Any] | None) -> Any:
        """Unpickle with buffers from shared memory and values of Completions."""
        views = [] if part is None else self._arena.views(self._segment_of(part), part[2])
        stream: Any = data or views.pop()
        if not values:
            return loads(stream, buffers=views)
        decoded = [self.value(v) for v in values]
        outer, _references.values = _references.values, decoded
        try:
            return loads(stream, buffers=views)
        finally:
            _references.values = outer


def probe(obj: object, *, main_by_value: bool) -> None:
    """Try to pickle ``obj`` and throw the result away; raises what pickling raises."""
    outer, _references.found = _references.found, []
    try:
        dumps(obj, lambda _: None, main_by_value=main_by_value)
    finally:
        _references.found = outer
