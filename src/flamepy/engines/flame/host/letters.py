"""What a client and a service process say to each other in the inputs and outputs of tasks.

A task is one exchange: a letter goes in, a reply comes out. There is one at a time for each executor. A letter brings
bytes for the executor and parts of objects; the reply brings what the executor has said and made. The process answers
at once when all calls are answered or when it has something to say that cannot wait, else after ``hold`` seconds, and
the client writes again: so one message carries many calls, and a long task costs few messages.

Letters are numbered: one that comes twice, because a connection or the session manager was lost, is answered with the
same reply; one that does not follow the last means that this is another process than the one that was spoken to.

:mod:`marshal` is safe here because both ends have the same Python (the greeting checks it) and the same user.
"""

from __future__ import annotations

from marshal import dumps, loads
from typing import Any, NamedTuple

from flamepy.engines.flame.host.bulk import Reference

PROTOCOL = 1
"""Raised when an older end would misunderstand a newer one."""

LIMIT = 3_500_000
"""Bytes of content in a letter or reply: less than the 4 MiB of the protocol, with room for what stands around it."""

PIECE = 1 << 20
"""Bytes of an object that travel in one piece, at most."""

PACKAGE = "package-"
"""Begins the name of a package that travels like an object."""


Piece = tuple[str, int, int, bytes | Reference]
"""A part of an object: its name, its size, where the part begins, the part or where it lies."""


class Letter(NamedTuple):
    """From the client.

    Attributes:
        number: 1, 2, 3, ...
        data: For the executor's socket.
        pieces: Of objects that what follows refers to.
        bells: Rings of the bell, see `runtime.loop.BELL`.
        hold: Seconds that the reply may be kept back.
        kill: Whether to end the executor by force.
        refers: Whether the client can fetch parts of objects from the cluster's cache.
        leave: Whether the executor is to end by itself, since nothing more is wanted of it.
    """

    number: int
    data: bytes = b""
    pieces: tuple[Piece, ...] = ()
    bells: bytes = b""
    hold: float = 0.0
    kill: bool = False
    refers: bool = False
    leave: bool = False

    def pack(self) -> bytes:
        """To bytes."""
        return dumps(tuple(self), 2)

    @classmethod
    def unpack(cls, data: bytes) -> Letter:
        """From bytes.

        Raises:
            ValueError: It is no letter.
        """
        return cls(*_fields(data))


class Reply(NamedTuple):
    """From the service process.

    Attributes:
        number: Of the letter.
        data: What the executor has said.
        pieces: Of objects that ``data`` refers to.
        output: What it wrote to its descriptors 1 and 2.
        pid: Its process; 0 while there is none.
        running: Number of the call that it runs, or ran when it ended.
        more: Whether there is more to say at once.
        status: Its wait status, once it has ended and all that it said has been told.
        reason: Why it could not be started.
        lost: Whether this process knows nothing of the executor that the letter is for.
        node: Name of the machine.
        refers: Whether the service process can fetch parts of objects from the cluster's cache.
        wants: Whether the package cannot be fetched there, so that the client has to send it.
    """

    number: int
    data: bytes = b""
    pieces: tuple[Piece, ...] = ()
    output: bytes = b""
    pid: int = 0
    running: int = 0
    more: bool = False
    status: int | None = None
    reason: str = ""
    lost: bool = False
    node: str = ""
    refers: bool = False
    wants: bool = False

    def pack(self) -> bytes:
        """To bytes."""
        return dumps(tuple(self), 2)

    @classmethod
    def unpack(cls, data: bytes) -> Reply:
        """From bytes.

        Raises:
            ValueError: It is no reply.
        """
        return cls(*_fields(data))


def pack_hello(order: dict[str, Any]) -> bytes:
    """The common data of a session: what the service process has to know before the first letter."""
    return dumps((PROTOCOL, order), 2)


def unpack_hello(data: bytes) -> dict[str, Any]:
    """See `pack_hello`.

    Raises:
        ValueError: It was written by another version.
    """
    protocol, order = _fields(data)
    if protocol != PROTOCOL:
        raise ValueError(f"the client speaks version {protocol} and this process {PROTOCOL}")
    return dict(order)


def _fields(data: bytes) -> Any:
    try:
        return loads(data)
    except (EOFError, TypeError) as error:
        raise ValueError(f"not a letter: {error}") from error
