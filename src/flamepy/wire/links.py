"""The methods of ``flamepy.Links``: what our client and our server have beside ``flame.v1``.

A client calls `PROBE` when it connects. A server that does not know it answers UNIMPLEMENTED, and the client stays with
``flame.v1``.
"""

from __future__ import annotations

from flamepy.wire.proto import links_pb2 as messages
from flamepy.wire.rpc import Duplex, Unary

PROTOCOL = 1
"""Raised when an older end could misunderstand a newer one."""

PROBE = Unary("/flamepy.Links/Probe", messages.ProbeRequest, messages.ProbeReply)
KEEP = Unary("/flamepy.Links/Keep", messages.KeepRequest, messages.KeepReply)
CARRY = Duplex("/flamepy.Links/Carry", messages.CarryFrame, messages.CarryFrame)
