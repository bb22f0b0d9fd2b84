"""What passes between a client and an executor, looked at on the way: answers owed, things awaited, objects meant."""

from __future__ import annotations

import re
from marshal import loads

from flamepy.wire.frames import HEADER, Ask, Say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

CAN_WAIT = frozenset({Say.LOG, Say.HELD, Say.RELEASED, Say.DROPPED, Say.SPENT})
"""News that nobody waits for."""


class Tally:
    """Counts both directions of one executor's conversation.

    Attributes:
        owed: Calls that it has and that are not answered.
    """

    def __init__(self) -> None:
        self._sent = self._answered = 0
        self._last: int | None = None
        self._open: set[tuple[str, int]] = set()
        self._early: set[int] = set()

    @property
    def owed(self) -> int:
        """Calls sent and not answered; those handed back will not be."""
        last = self._sent if self._last is None else self._last
        return max(0, last - self._answered)

    @property
    def awaits(self) -> int:
        """Coroutines, streams, calls above waiting ones, and states that are under way."""
        return len(self._open)

    def asked(self, message: list[Any]) -> None:
        """Count what the client sends."""
        for place in range(0, len(message), 2):
            kind, body = message[place], message[place + 1]
            if kind >= 0:
                self._sent += 1
            elif kind == Ask.RETURNED:
                self._answered, self._last = self._sent, None
            elif kind == Ask.BIND:
                self._open.add(("bound", 0))
            elif kind == Ask.NESTED:
                self._open.add(("nested", body[0]))
            elif kind == Ask.SAVE:
                self._open.add(("state", 0))

    def said(self, message: list[Any]) -> None:
        """Count what the executor says."""
        for reply in message:
            if type(reply) is not tuple or reply[0] <= Say.LAST_ANSWER:
                self._answered += 1
                if type(reply) is tuple and reply[0] in (Say.PROMISE, Say.STREAM):
                    if reply[1] in self._early:
                        self._early.discard(reply[1])
                    else:
                        self._open.add(("late", reply[1]))
            else:
                self._news(reply)

    def _news(self, reply: tuple[Any, ...]) -> None:
        kind = reply[0]
        if kind in (Say.LATE, Say.END):
            promised = kind == Say.LATE and type(reply[2]) is tuple and reply[2][0] in (Say.PROMISE, Say.STREAM)
            if ("late", reply[1]) not in self._open:  # it overtook the answer that announces it
                self._early.add(reply[1])
            self._open.discard(("late", reply[1]))
            if promised:
                self._open.add(("late", reply[2][1]))
        elif kind in (Say.READY, Say.BROKEN):
            self._open.discard(("bound", 0))
        elif kind == Say.NESTED_DONE:
            self._open.discard(("nested", reply[1]))
        elif kind == Say.STATE:
            self._open.discard(("state", 0))
        elif kind == Say.HAND_BACK:
            self._last = reply[1]


_NAME = re.compile(rb"[ce][0-9]*-[0-9]")
"""What the name of a segment looks like, see `serialization.segments`."""


def urgent(message: list[Any]) -> bool:
    """Whether an executor's message holds more than prints and answers."""
    return any(type(r) is tuple and r[0] > Say.LAST_ANSWER and r[0] not in CAN_WAIT for r in message)


def forgotten(message: list[Any]) -> Iterator[str]:
    """Names of objects that the client has freed, by one of its messages."""
    for place in range(0, len(message), 2):
        if message[place] == Ask.FORGET:
            yield from message[place + 1]


def freed(message: list[Any]) -> Iterator[str]:
    """Names of an executor's own objects that the client needs no longer, by one of its messages."""
    for place in range(0, len(message), 2):
        if message[place] == Ask.REUSE:
            yield from message[place + 1]


def parts(thing: Any) -> Iterator[tuple[str, int, tuple[int, ...]]]:
    """Find the objects that a message refers to, at any depth.

    What users pass and get never looks like that: only numbers and short texts are in a message as they are.
    """
    for inner in thing:
        if type(inner) is tuple or type(inner) is list:
            if len(inner) == 3 and type(inner[0]) is str and type(inner[1]) is int and type(inner[2]) is tuple:
                yield inner  # type: ignore[misc]
            else:
                yield from parts(inner)


def may_refer(body: bytes) -> bool:
    """Whether a message, as it travels, can hold the name of an object; costs far less than looking into it."""
    return b"-" in body and _NAME.search(body) is not None


class Cutter:
    """Cuts a byte stream into messages, which are not looked into."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._missing = 0

    def cut(self, data: bytes) -> tuple[bytes, list[bytes]]:
        """Take bytes in; returns those of the messages that are whole now, and each message without its length."""
        if not self._rest:
            if len(data) > HEADER and HEADER + int.from_bytes(data[:HEADER], "little") == len(data):
                return data, [data[HEADER:]]  # exactly one, as nearly always
        elif len(data) < self._missing:
            self._rest += data
            self._missing -= len(data)
            return b"", []
        if self._rest:
            self._rest += data
            data = bytes(self._rest)
        bodies, end = self._bodies(data)
        self._rest = bytearray(data[end:])
        return data[:end], bodies

    def _bodies(self, data: bytes) -> tuple[list[bytes], int]:
        bodies: list[bytes] = []
        at = 0
        while True:
            start = at + HEADER
            stop = start + int.from_bytes(data[at:start], "little")
            if len(data) < start or len(data) < stop:
                self._missing = max(start, stop) - len(data)
                return bodies, at
            bodies.append(data[start:stop])
            at = stop

    def feed(self, data: bytes) -> tuple[bytes, list[list[Any]]]:
        """`cut`, and look into the messages."""
        raw, bodies = self.cut(data)
        return raw, [loads(body) for body in bodies]
