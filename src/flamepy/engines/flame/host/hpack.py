"""Header compression of HTTP/2 (RFC 7541), the receiving half."""

from __future__ import annotations

from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_STATIC = tuple(
    [
        ":authority",
        ":method",
        ":method",
        ":path",
        ":path",
        ":scheme",
        ":scheme",
        ":status",
        ":status",
        ":status",
        ":status",
        ":status",
        ":status",
        ":status",
        "accept-charset",
        "accept-encoding",
        "accept-language",
        "accept-ranges",
        "accept",
        "access-control-allow-origin",
        "age",
        "allow",
        "authorization",
        "cache-control",
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-length",
        "content-location",
        "content-range",
        "content-type",
        "cookie",
        "date",
        "etag",
        "expect",
        "expires",
        "from",
        "host",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "last-modified",
        "link",
        "location",
        "max-forwards",
        "proxy-authenticate",
        "proxy-authorization",
        "range",
        "referer",
        "refresh",
        "retry-after",
        "server",
        "set-cookie",
        "strict-transport-security",
        "transfer-encoding",
        "user-agent",
        "vary",
        "via",
        "www-authenticate",
    ]
)
"""Names of the static table, from index 1 on; no value of theirs matters to us."""

_LENGTHS = (
    "ISXXXXXXXTZXXZXXXXXXXXZXXXXXXXXXBFFHIBDGFFDGDBBBAAABBBBBBBCDKBHFIBCCCCCCCCCCCCCCCCCCCC"
    "CCDCDIOIJBKABABABBBACCBBBABCBAABCCCCCKGJIXPRPPRRRSRSSSSSTSTTRSTSSSSQRSRSSTRQPRRSSQSRRT"
    "QRSSQQRQSRSSPRRRSRRSVVPORSRUVVVWWVTUOQVWWVWTQQVVXWWWPTPQRQQSRRUUTTVSVWVVWWWWWXWWWWWV"
)
"""Bits of each byte's Huffman code, as a letter: A is 5. The code is canonical, so the lengths say all."""

TABLE_BYTES = 4096
"""What the dynamic table may hold, by the RFC's way of counting."""


class HeaderError(ValueError):
    """A header block is not what the RFC says."""


def _codes() -> dict[tuple[int, int], int]:
    codes: dict[tuple[int, int], int] = {}
    code = before = 0
    for bits, symbol in sorted((ord(letter) - ord("A") + 5, place) for place, letter in enumerate(_LENGTHS)):
        code <<= bits - before
        codes[bits, code] = symbol
        code, before = code + 1, bits
    return codes


_CODES = _codes()


def huffman(data: bytes) -> bytes:
    """Decode a text; what is left at the end, fewer than eight bits, is padding."""
    out = bytearray()
    code = bits = 0
    for byte in data:
        for place in range(7, -1, -1):
            code = code << 1 | byte >> place & 1
            bits += 1
            symbol = _CODES.get((bits, code))
            if symbol is not None:
                out.append(symbol)
                code = bits = 0
    if bits > 7:
        raise HeaderError("a Huffman code does not end")
    return bytes(out)


class Headers:
    """Decodes the header blocks of one connection, in their order."""

    def __init__(self) -> None:
        self._table: deque[tuple[str, str]] = deque()
        self._used = 0
        self._limit = TABLE_BYTES

    def decode(self, block: bytes) -> list[tuple[str, str]]:
        """Return the headers of one block; values of the static table come out empty.

        Raises:
            HeaderError: The block is broken.
        """
        try:
            return list(self._fields(block))
        except IndexError:
            raise HeaderError("a header block ends too early") from None

    def _fields(self, block: bytes) -> Iterator[tuple[str, str]]:
        at = 0
        while at < len(block):
            first = block[at]
            if first & 0x80:
                index, at = _integer(block, at, 7)
                yield self._entry(index)
            elif first & 0x40:
                field, at = self._literal(block, at, 6)
                self._add(field)
                yield field
            elif first & 0x20:
                self._limit, at = _integer(block, at, 5)
                self._evict()
            else:
                field, at = self._literal(block, at, 4)
                yield field

    def _literal(self, block: bytes, at: int, prefix: int) -> tuple[tuple[str, str], int]:
        index, at = _integer(block, at, prefix)
        if index:
            name = self._entry(index)[0]
        else:
            name, at = _text(block, at)
        value, at = _text(block, at)
        return (name, value), at

    def _entry(self, index: int) -> tuple[str, str]:
        if 0 < index <= len(_STATIC):
            return _STATIC[index - 1], ""
        return self._table[index - len(_STATIC) - 1]

    def _add(self, field: tuple[str, str]) -> None:
        self._table.appendleft(field)
        self._used += _size(field)
        self._evict()

    def _evict(self) -> None:
        while self._used > self._limit:
            self._used -= _size(self._table.pop())


def _size(field: tuple[str, str]) -> int:
    return len(field[0]) + len(field[1]) + 32


def _integer(block: bytes, at: int, prefix: int) -> tuple[int, int]:
    most = (1 << prefix) - 1
    value = block[at] & most
    at += 1
    if value < most:
        return value, at
    shift = 0
    while True:
        byte = block[at]
        at += 1
        value += (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return value, at
        if shift > 28:
            raise HeaderError("a number in a header block is too large")


def _text(block: bytes, at: int) -> tuple[str, int]:
    coded = block[at] & 0x80
    length, at = _integer(block, at, 7)
    raw = block[at : at + length]
    if len(raw) < length:
        raise HeaderError("a header block ends too early")
    return (huffman(raw) if coded else raw).decode("latin-1"), at + length
