"""Messages on a stream socket: four bytes of length, then a marshalled list; and the numbers used in them.

:mod:`marshal` is safe here because both ends are the same interpreter of the same user (the engine checks both).
"""

from __future__ import annotations

from marshal import dumps, loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

HEADER = 4
"""Bytes of length in front of each message, little endian."""

MARSHAL_VERSION = 2
"""Without references between objects: faster, and equal objects are rarely repeated."""

RECEIVE_BYTES = 256 * 1024
"""Bytes read at once."""


class Ask:
    """Notes of the client, numbers below zero in the place of a method."""

    BIND = -1
    """``{...}``: the package and the object to work on; the first message."""
    CREDIT = -2
    """``(stream, items)``: so many more may be sent."""
    ANSWER = -3
    """``(number, kind, value)``: the outcome of a call that a task made."""
    RETURNED = -4
    """``None``: the calls that were handed back have been taken."""
    FORGET = -5
    """``(name, ...)``: these segments are gone."""
    REUSE = -6
    """``((name, capacity), ...)``: nobody looks at these segments of yours any more."""
    NESTED = -7
    """``(number, method, arguments)``: run this now, above the task that waits."""
    STOP_STREAM = -8
    """``stream``: nobody wants the rest."""
    SAVE = -9
    """``None``: send the state, if nothing is under way."""
    CANCEL_ASYNC = -10
    """``number``: cancel the coroutine that was promised."""
    ITEM = -11
    """``(number, place, value)``: an item of a generator that a task has called."""
    END = -12
    """``(number, place, record or None)``: there are no more than ``place``."""
    PROMPT = frozenset({ANSWER, ITEM, END})
    """What threads of a task may wait for while its main thread is busy."""


class Say:
    """Kinds of tuples from the executor. The first block answers a call, the second is news."""

    # 0 and 1 are the value forms of serialization.codec: PICKLED and SHARED.
    FAILED = 2
    """``(FAILED, record)``: it raised."""
    CANCELLED = 3
    """``(CANCELLED, why)``: it was skipped or interrupted; ``why`` is "cancel" or "timeout"."""
    PROMISE = 4
    """``(PROMISE, number)``: a coroutine runs; the outcome comes as ``LATE``."""
    STREAM = 5
    """``(STREAM, number)``: items follow."""
    LAST_ANSWER = 5

    LATE = 6
    """``(LATE, number, reply)``"""
    ITEM = 7
    """``(ITEM, stream, value)``"""
    END = 8
    """``(END, stream, record or None)``"""
    LOG = 9
    """``(LOG, stream name, text)``: lines that a task printed."""
    HELD = 10
    """``(HELD, name)``: the task kept a view of an argument's segment."""
    RELEASED = 11
    """``(RELEASED, name)``: and now it is gone."""
    READY = 12
    """``(READY, pid)``: the object exists."""
    BROKEN = 13
    """``(BROKEN, record)``: it could not be created."""
    CALL = 14
    """``(CALL, number, session, method, payload, blocking)``: a task calls a service."""
    DROP = 15
    """``(DROP, number)``: the task no longer needs the outcome of that call."""
    HAND_BACK = 16
    """``(HAND_BACK,)``: the calls behind the one that runs may go elsewhere."""
    STATE = 17
    """``(STATE, payload, record)``: the instance after the calls so far, or why it cannot be had; neither: not now."""
    DROPPED = 18
    """``(DROPPED, name)``: a pooled segment of this executor is gone."""
    NESTED_DONE = 19
    """``(NESTED_DONE, number, reply)``: the outcome of a ``NESTED`` call."""
    WAITING = 20
    """``(WAITING, number or 0)``: the task waits for a call that it made; 0: no longer."""
    CANCEL_CALL = 21
    """``(CANCEL_CALL, number)``: the task cancels a call that it made."""
    NESTED_CREDIT = 22
    """``(NESTED_CREDIT, number, items)``: the task takes so many more items of the generator that it called."""
    NESTED_STOP = 23
    """``(NESTED_STOP, number)``: it wants no more of them."""
    SPENT = 24
    """``(SPENT, seconds)``: it was busy for so long, if the client has asked to be told."""


def pack(items: list[Any]) -> bytes:
    """Encode one message."""
    body = dumps(items, MARSHAL_VERSION)
    return len(body).to_bytes(HEADER, "little") + body


class FrameBuffer:
    """Cuts a byte stream into messages; sans-io, the owner reads into ``space()`` and reports ``filled()``."""

    __slots__ = ("_data", "_end", "_start", "_view")

    def __init__(self, size: int = RECEIVE_BYTES) -> None:
        self._data = bytearray(size)
        self._view = memoryview(self._data)
        self._start = self._end = 0

    def space(self) -> memoryview:
        """Where to read the next bytes to."""
        if self._end == 0:
            return self._view
        return self._view[self._end :]

    def filled(self, count: int) -> list[list[Any]]:
        """Say that ``count`` bytes were read; returns the messages that are whole now."""
        if self._end == 0 and count > HEADER:
            stop = HEADER + int.from_bytes(self._view[:HEADER], "little")
            if stop == count:  # exactly one message, as nearly always
                return [loads(self._view[HEADER:count])]
        self._end += count
        messages: list[list[Any]] = []
        while self._end - self._start >= HEADER:
            start = self._start + HEADER
            stop = start + int.from_bytes(self._view[self._start : start], "little")
            if stop > self._end:
                self._make_room(stop - self._start)
                return messages
            messages.append(loads(self._view[start:stop]))
            self._start = stop
        self._make_room(HEADER)
        return messages

    @property
    def pending(self) -> int:
        """Bytes of a message that is not whole yet."""
        return self._end - self._start

    def _make_room(self, needed: int) -> None:
        """Move what is left to the front, and grow if the next message is larger than the buffer."""
        left = self._view[self._start : self._end].tobytes() if self._end > self._start else b""
        if needed + RECEIVE_BYTES // 4 > len(self._data):
            self._data = bytearray(needed + RECEIVE_BYTES)
            self._view = memoryview(self._data)
        elif len(self._data) > 4 * RECEIVE_BYTES and needed < RECEIVE_BYTES:
            self._data = bytearray(RECEIVE_BYTES)
            self._view = memoryview(self._data)
        self._view[: len(left)] = left
        self._start, self._end = 0, len(left)
