"""The reading end of an executor's socket."""

from __future__ import annotations

import socket

from flamepy.runtime.receiver import Receiver
from flamepy.wire.frames import pack


def test_a_client_that_leaves_with_answers_unread_has_just_left():
    ours, theirs = socket.socketpair()
    receiver = Receiver(theirs)
    ours.sendall(pack(["one", "message"]))
    assert receiver.receive() == ["one", "message"]
    theirs.sendall(b"an answer that nobody reads")
    ours.close()  # the kernel turns that into a reset of the connection
    assert receiver.receive() is None
    theirs.close()
