"""Reading messages: on the main thread while that is all who waits, else on a thread of its own; never cut in half."""

from __future__ import annotations

import _signal
import _thread
import select
from _queue import Empty, SimpleQueue
from collections import deque
from time import monotonic as now

from flamepy.wire.frames import Ask, FrameBuffer
from flamepy.wire.pulse import Pulse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket
    from typing import Any

MAIL_WAIT = 0.05
"""Seconds after which somebody who waits for mail looks whether his task was interrupted."""


class Receiver:
    """The reading end of an executor's socket; as a context manager it puts interruptions off.

    Args:
        sock: The socket to the client.

    Attributes:
        inbox: Messages read and not yet served.
    """

    def __init__(self, sock: socket) -> None:
        self._socket = sock
        self._frames = FrameBuffer()
        self._pulse = Pulse()
        self.inbox: deque[list[Any]] = deque()
        self._reading = _thread.allocate_lock()
        self._mail: SimpleQueue[Any] | None = None
        self._main = _thread.get_ident()
        self._shields = 0
        self._owed: tuple[int, str] | None = None

    def note(self, kind: int, body: Any) -> None:
        """Obey a note of the client."""
        raise NotImplementedError

    def receive(self) -> list[Any] | None:
        """Return the next message; None when the client is gone."""
        if self._mail is None:
            with self._reading:
                messages = self._read()
            if messages is None:
                return None
            if len(messages) > 1:
                self.inbox.extend(messages[1:])
            return messages[0]
        message: list[Any] | None = self._mail.get()
        return message

    def receive_before(self, deadline: float | None) -> list[Any] | None:
        """Return the next message, or None when ``deadline`` (of the monotonic clock) has passed."""
        poller = select.poll()
        poller.register(self._socket, select.POLLIN)
        while self._mail is None:
            left = MAIL_WAIT if deadline is None else min(MAIL_WAIT, max(0.0, deadline - now()))
            # Interrupted between reading and taking in, it would lose what it has read: so it waits here, and looks
            # now and then whether the relay has begun to read.
            if poller.poll(left * 1000):
                with self:
                    if self._reading.acquire(False):
                        return self._read_alone()
            elif deadline is not None and now() >= deadline:
                return None
        return self._receive_mail(deadline)

    def _read_alone(self) -> list[Any] | None:
        try:
            messages = self._read()
        finally:
            self._reading.release()
        if messages is None:
            return None
        self.inbox.extend(messages[1:])
        return messages[0]

    def _receive_mail(self, deadline: float | None) -> list[Any] | None:
        mail: Any = self._mail
        while True:
            left = MAIL_WAIT if deadline is None else min(MAIL_WAIT, max(0.0, deadline - now()))
            try:
                with self:
                    message: list[Any] | None = mail.get(timeout=left)
            except Empty:
                if deadline is not None and now() >= deadline:
                    return None
            else:
                return message

    def __enter__(self) -> None:
        """Put interruptions off, while something is done that must be done whole."""
        self._shields += 1

    def __exit__(self, *_exception: object) -> None:
        self._shields -= 1
        if self._owed is not None and not self._shields:
            # A real signal, to wake a task that sleeps; `ring` knows whether it still matters.
            _signal.pthread_kill(self._main, _signal.SIGINT)

    def _read(self) -> list[list[Any]] | None:
        while True:
            space = self._frames.space()
            try:
                count = self._pulse.spin(self._socket, space)
                if count < 0:
                    count = self._socket.recv_into(space)
            except ConnectionResetError:  # the client left with answers unread
                count = 0
            if count == 0:
                return None
            messages = self._frames.filled(count)
            if messages:
                return messages

    def relay(self) -> None:
        """From now on a thread of its own reads the socket, so that threads beside the main one get answers."""
        if self._mail is None:
            self._mail = SimpleQueue()
            _thread.start_new_thread(self._relay, (self._mail,))

    def _relay(self, mail: SimpleQueue[Any]) -> None:
        with self._reading:  # the main thread may be in its last read without us
            while (messages := self._read()) is not None:
                for message in messages:
                    if len(message) == 2 and message[0] in Ask.PROMPT:
                        self.note(*message)
                    else:
                        mail.put(message)
        mail.put(None)

    def nudge(self) -> None:
        """Make the main thread look again, if it waits for mail."""
        if self._mail is not None:
            self._mail.put([])
