"""An executor from its order until it is gone, how it ended, and what it writes without Python's ``print``."""

from __future__ import annotations

import os
from time import time

from flamepy.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flamepy.engines.linked.engine import LinkedEngine
    from flamepy.engines.linked.links import Link

OUTPUT_BYTES = 1 << 16
"""Bytes of an executor's raw output that are read at once."""


class End(Record):
    """How an executor ended: its wait status, or a ``reason`` in words ("was killed by ...")."""

    status: int | None = None
    reason: str = ""
    running: int | None = None  # number of the call that it ran, 0 for none; None: ask the channel
    words: str = ""  # what it said at its end besides its raw output
    infrastructure: bool = False  # lost with its machine: no fault of the call, which simply runs again
    unreachable: str = ""  # the engine is: no other executor can be had, for the reason that this sentence says


UNKNOWN_END = End()


class Process:
    """The process of one executor, from its order until it is gone.

    Attributes:
        link: The connection to it.
        output: Descriptor of its raw output; -1 once it is closed, or if there is none.
        created: When it was ordered.
        end: How it ended, once it has.
    """

    __slots__ = ("created", "end", "link", "output")

    def __init__(self, link: Link) -> None:
        self.link = link
        self.output = link.channel.output
        self.created = time()
        self.end: End | None = None

    def overhear(self, engine: LinkedEngine) -> bool:
        """Read what code other than Python's ``print`` wrote; says whether there may be more."""
        if self.output < 0:
            return False
        try:
            data = os.read(self.output, OUTPUT_BYTES)
        except BlockingIOError:
            return False
        except OSError:  # a connection that was reset, or never made
            data = b""
        if data:
            engine.output.raw(self.link, data)
        else:
            self.close_output(engine)
        return bool(data)

    def close_output(self, engine: LinkedEngine) -> None:
        """Read no more of it."""
        output, self.output = self.output, -1
        if output >= 0:
            engine.keeper.ignore(output)
            os.close(output)
            engine.output.end(self.link)
