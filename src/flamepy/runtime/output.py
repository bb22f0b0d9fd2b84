"""What tasks print: lines of ``sys.stdout`` and ``sys.stderr`` travel with the answers, so they arrive before them."""

from __future__ import annotations

import io
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

LONGEST_LINE = 64 * 1024
"""Bytes after which an unfinished line is sent all the same."""


class LineWriter(io.RawIOBase):
    """A raw stream that hands over whole lines.

    Args:
        emit: Called with the text of one or more lines, without the last newline.
        descriptor: What ``fileno()`` says.
    """

    def __init__(self, emit: Callable[[str], None], descriptor: int) -> None:
        self._emit = emit
        self._descriptor = descriptor
        self.unfinished = bytearray()

    def writable(self) -> bool:
        """Always."""
        return True

    def fileno(self) -> int:
        """The descriptor that C code writes to; it is captured as well."""
        return self._descriptor

    def write(self, data: Any) -> int:
        """Take some bytes; whole lines go out at once."""
        self.unfinished += data
        end = self.unfinished.rfind(b"\n")
        if end >= 0 or len(self.unfinished) > LONGEST_LINE:
            end = end if end >= 0 else len(self.unfinished)
            text = self.unfinished[:end].decode("utf-8", "backslashreplace")
            del self.unfinished[: end + 1]
            self._emit(text)
        return len(data)

    def finish(self) -> None:
        """Send an unfinished line, at the end of a task."""
        if self.unfinished:
            self.write(b"\n")


def capture(emit: Callable[[str, str], None]) -> tuple[LineWriter, LineWriter]:
    """Put `LineWriter` streams in the place of ``sys.stdout`` and ``sys.stderr``.

    Args:
        emit: Called with the stream's name and the text.
    """
    out = LineWriter(lambda text: emit("stdout", text), 1)
    err = LineWriter(lambda text: emit("stderr", text), 2)
    sys.stdout = sys.__stdout__ = _text(out)  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _text(err)  # type: ignore[misc]
    return out, err


def restore() -> None:
    """Let ``sys.stdout`` and ``sys.stderr`` write to their descriptors again, for a process that has no client."""
    sys.stdout = sys.__stdout__ = open(1, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)  # type: ignore[misc]  # noqa: SIM115
    sys.stderr = sys.__stderr__ = open(2, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)  # type: ignore[misc]  # noqa: SIM115


def _text(raw: LineWriter) -> io.TextIOWrapper:
    return io.TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace", write_through=True)  # type: ignore[arg-type]
