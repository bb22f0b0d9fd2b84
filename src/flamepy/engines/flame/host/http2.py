"""HTTP/2 (RFC 9113) with gRPC's unary calls on top: as much as one client on one Unix socket needs; sans-io."""

from __future__ import annotations

import struct

from flamepy.engines.flame.host.hpack import Headers
from flamepy.engines.flame.host.messages import varint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
"""The first bytes of a client."""

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
"""Kinds of frames."""

END_STREAM = ACK = 0x1
END_HEADERS, PADDED, WITH_PRIORITY = 0x4, 0x8, 0x20

FRAME_HEADER = 9
INITIAL_WINDOW, MAX_FRAME = 4, 5  # settings
FIRST_WINDOW = 65_535
LARGEST_WINDOW = (1 << 31) - 1
OUR_MAX_FRAME = (1 << 24) - 1
FIRST_MAX_FRAME = 16_384
REFILL = 1 << 29
"""Bytes received after which the sender is told that there is room again."""

OK, UNIMPLEMENTED, INTERNAL = 0, 12, 13
"""Statuses of gRPC."""


class ProtocolError(Exception):
    """The peer does not speak HTTP/2 as it should; the connection cannot go on."""


class Request:
    """One call: its path, and its message once it is whole."""

    __slots__ = ("body", "path", "stream")

    def __init__(self, stream: int, path: str) -> None:
        self.stream = stream
        self.path = path
        self.body = bytearray()

    @property
    def message(self) -> bytes:
        """The one message in the body.

        Raises:
            ProtocolError: It is compressed, or not whole.
        """
        if len(self.body) < 5 or self.body[0] or int.from_bytes(self.body[1:5], "big") != len(self.body) - 5:
            raise ProtocolError("a call's message is compressed, or not whole")
        return bytes(memoryview(self.body)[5:])


class _Answer:
    """What of an answer is still to be sent."""

    __slots__ = ("rest", "trailers")

    def __init__(self, rest: bytes, trailers: bytes) -> None:
        self.rest = memoryview(rest)
        self.trailers = trailers


class Connection:
    """One client; feed it what was read, send what `take` gives."""

    def __init__(self) -> None:
        self._incoming = bytearray()
        self._outgoing = bytearray()
        self._greeted = False
        self._headers = Headers()
        self._block: tuple[int, int, bytearray] | None = None
        self._requests: dict[int, Request] = {}
        self._answers: dict[int, _Answer] = {}
        self._window = FIRST_WINDOW
        self._first_window = FIRST_WINDOW
        self._windows: dict[int, int] = {}
        self._max_frame = FIRST_MAX_FRAME
        self._received = 0
        self._whole: list[Request] = []
        self._obey: dict[int, Callable[[int, int, bytes], None]] = {
            DATA: self._data,
            HEADERS: self._begin_headers,
            CONTINUATION: self._continue_headers,
            RST_STREAM: self._reset,
            SETTINGS: self._settings,
            PING: self._ping,
            WINDOW_UPDATE: self._window_update,
        }
        ours = struct.pack(">HIHI", INITIAL_WINDOW, LARGEST_WINDOW, MAX_FRAME, OUR_MAX_FRAME)
        self._frame(SETTINGS, 0, 0, ours)
        self._frame(WINDOW_UPDATE, 0, 0, (LARGEST_WINDOW - FIRST_WINDOW).to_bytes(4, "big"))

    # ---- receiving

    def feed(self, data: bytes | memoryview) -> list[Request]:
        """Take bytes in; returns the calls that are whole now.

        Raises:
            ProtocolError: The peer does not speak HTTP/2.
            HeaderError: Its headers cannot be decoded.
        """
        self._incoming += data
        if not self._greeted:
            if len(self._incoming) < len(PREFACE):
                return []
            if not self._incoming.startswith(PREFACE):
                raise ProtocolError("the peer does not begin with HTTP/2's preface")
            del self._incoming[: len(PREFACE)]
            self._greeted = True
        for kind, flags, stream, payload in self._frames():
            obey = self._obey.get(kind)  # other kinds ask nothing of us
            if obey is not None:
                obey(flags, stream, payload)
        whole, self._whole = self._whole, []
        return whole

    def _frames(self) -> Iterator[tuple[int, int, int, bytes]]:
        buffer, at = self._incoming, 0
        while len(buffer) - at >= FRAME_HEADER:
            length = int.from_bytes(buffer[at : at + 3], "big")
            if len(buffer) - at < FRAME_HEADER + length:
                break
            kind, flags = buffer[at + 3], buffer[at + 4]
            stream = int.from_bytes(buffer[at + 5 : at + 9], "big") & LARGEST_WINDOW
            start = at + FRAME_HEADER
            at = start + length
            yield kind, flags, stream, bytes(memoryview(buffer)[start:at])
        del buffer[:at]

    def _begin_headers(self, flags: int, stream: int, payload: bytes) -> None:
        payload = _unpadded(flags, payload)
        if flags & WITH_PRIORITY:
            payload = payload[5:]
        self._block = stream, flags, bytearray(payload)
        if flags & END_HEADERS:
            self._end_headers()

    def _continue_headers(self, flags: int, stream: int, payload: bytes) -> None:
        if self._block is None or self._block[0] != stream:
            raise ProtocolError("headers go on that did not begin")
        self._block[2].extend(payload)
        if flags & END_HEADERS:
            self._end_headers()

    def _end_headers(self) -> None:
        assert self._block is not None
        (stream, flags, block), self._block = self._block, None
        fields = dict(self._headers.decode(bytes(block)))
        request = self._requests.get(stream)
        if request is None:
            request = self._requests[stream] = Request(stream, fields.get(":path", ""))
            self._windows[stream] = self._first_window
        if flags & END_STREAM:
            self._end_stream(stream)

    def _data(self, flags: int, stream: int, payload: bytes) -> None:
        self._received += len(payload)
        if self._received > REFILL:
            self._frame(WINDOW_UPDATE, 0, 0, self._received.to_bytes(4, "big"))
            self._received = 0
        request = self._requests.get(stream)
        if request is not None:
            request.body += _unpadded(flags, payload)
            if flags & END_STREAM:
                self._end_stream(stream)

    def _end_stream(self, stream: int) -> None:
        request = self._requests.pop(stream, None)
        if request is not None:
            self._whole.append(request)

    def _reset(self, _flags: int, stream: int, _payload: bytes) -> None:
        for known in (self._requests, self._answers, self._windows):
            known.pop(stream, None)

    def _settings(self, flags: int, _stream: int, payload: bytes) -> None:
        if flags & ACK:
            return
        for setting, value in struct.iter_unpack(">HI", payload):
            if setting == INITIAL_WINDOW:
                for stream in self._windows:
                    self._windows[stream] += value - self._first_window
                self._first_window = value
            elif setting == MAX_FRAME:
                self._max_frame = value
        self._frame(SETTINGS, ACK, 0, b"")
        self._send()

    def _ping(self, flags: int, _stream: int, payload: bytes) -> None:
        if not flags & ACK:
            self._frame(PING, ACK, 0, payload)

    def _window_update(self, _flags: int, stream: int, payload: bytes) -> None:
        more = int.from_bytes(payload, "big") & LARGEST_WINDOW
        if stream == 0:
            self._window += more
        elif stream in self._windows:
            self._windows[stream] += more
        self._send()

    # ---- sending

    def answer(self, stream: int, message: bytes) -> None:
        """Answer a call."""
        if stream not in self._windows:  # the client has given it up
            return
        self._frame(HEADERS, END_HEADERS, stream, _RESPONSE)
        self._answers[stream] = _Answer(b"\0" + len(message).to_bytes(4, "big") + message, _trailers(OK, ""))
        self._send()

    def refuse(self, stream: int, status: int, text: str) -> None:
        """Answer a call with an error."""
        if self._windows.pop(stream, None) is not None:
            self._frame(HEADERS, END_HEADERS | END_STREAM, stream, _RESPONSE + _trailers(status, text))

    def take(self) -> bytes:
        """Return what is to be sent now."""
        outgoing, self._outgoing = bytes(self._outgoing), bytearray()
        return outgoing

    @property
    def to_send(self) -> bool:
        """Whether `take` would give anything."""
        return bool(self._outgoing)

    def _send(self) -> None:
        """Send of the answers what the peer's windows allow."""
        for stream, answer in list(self._answers.items()):
            while answer.rest:
                size = min(len(answer.rest), self._window, self._windows[stream], self._max_frame)
                if size <= 0:
                    break
                self._frame(DATA, 0, stream, answer.rest[:size])
                answer.rest = answer.rest[size:]
                self._window -= size
                self._windows[stream] -= size
            if not answer.rest:
                self._frame(HEADERS, END_HEADERS | END_STREAM, stream, answer.trailers)
                del self._answers[stream], self._windows[stream]

    def _frame(self, kind: int, flags: int, stream: int, payload: bytes | memoryview) -> None:
        self._outgoing += len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big")
        self._outgoing += payload


def _unpadded(flags: int, payload: bytes) -> bytes:
    if not flags & PADDED:
        return payload
    if not payload or payload[0] >= len(payload):
        raise ProtocolError("a frame is all padding")
    return payload[1 : len(payload) - payload[0]]


def _field(name: str, value: str) -> bytes:
    """A header as it is, without compression and without a place in any table."""
    raw = value.encode()
    length = len(raw).to_bytes(1, "big") if len(raw) < 127 else b"\x7f" + varint(len(raw) - 127)
    return b"\0" + len(name).to_bytes(1, "big") + name.encode() + length + raw


def _trailers(status: int, text: str) -> bytes:
    fields = _field("grpc-status", str(status))
    if text:
        from urllib.parse import quote

        fields += _field("grpc-message", quote(text, safe=" !#$&'()*+,/:;<=>?@[]^_`{|}~"))
    return fields


_RESPONSE = b"\x88" + _field("content-type", "application/grpc")
"""``:status 200``, and what it is."""
