"""An exception crosses processes: type name, message and traceback as text first, the pickled exception second.

The text always arrives, whatever the exception is made of; the pickle only decides whether ``except ValueError``
works on the other side.
"""

from __future__ import annotations

import sys

from flamepy.errors import RemoteTraceback, TaskError
from flamepy.serialization.codec import dumps, loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

    Record = tuple[str, str, str, bytes | None]

MAX_TEXT = 64 * 1024
"""Bytes of traceback text that travel; the middle of a longer one is cut."""


def capture(error: BaseException, hide: str = "") -> Record:
    """Turn an exception into plain data.

    Args:
        error: The exception, with its traceback.
        hide: Folder whose frames at the top of the traceback are left out (the runtime's own).

    Returns:
        ``(type name, message, traceback text, pickled exception or None)``, all marshallable.
    """
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    try:
        message = str(error)
    except Exception as broken:
        message = f"<str() of the exception failed: {broken!r}>"
    text = _text(error, _user_frames(error.__traceback__, hide))
    try:
        pickled = dumps(error)
    except Exception:
        pickled = None
    return name, message, _shorten(text), pickled


def _user_frames(traceback: TracebackType | None, hide: str) -> TracebackType | None:
    while hide and traceback is not None and traceback.tb_frame.f_code.co_filename.startswith(hide):
        traceback = traceback.tb_next
    return traceback


def _text(error: BaseException, frames: TracebackType | None) -> str:
    # Costs 10 ms to import, so only when something failed.
    import traceback

    try:
        return "".join(traceback.format_exception(type(error), error, frames))
    except Exception as broken:
        return f"{type(error).__name__}: <the traceback could not be formatted: {broken!r}>\n"


def _shorten(text: str) -> str:
    if len(text) <= MAX_TEXT:
        return text
    half = MAX_TEXT // 2
    return f"{text[:half]}\n  ... {len(text) - MAX_TEXT} characters left out ...\n{text[-half:]}"


def rebuild(record: Record) -> BaseException:
    """Make the exception of a record: its own type if that can be had here, else a `TaskError`.

    The traceback of the executor becomes the ``__cause__``.
    """
    name, message, text, pickled = record
    error: object = None
    if pickled is not None:
        try:
            error = loads(pickled)
        except Exception as broken:
            text += f"\n(the exception could not be rebuilt here: {type(broken).__name__}: {broken})\n"
    if not isinstance(error, BaseException):
        error = TaskError(f"{name}: {message}", type_name=name, remote_message=message)
    cause = RemoteTraceback(_with_sources(text))
    _attach(error, cause)
    return error


def _with_sources(text: str) -> str:
    """Add the lines that the executor could not read: code of the main program, whose file only this machine has."""
    lines = text.split("\n")
    whole: list[str] = []
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        whole.append(line)
        if line.startswith('  File "') and not following.startswith("    ") and (source := _source(line)):
            whole.append(f"    {source}")
    return "\n".join(whole)


def _source(line: str) -> str:
    """The source that ``  File "path", line 3, in name`` stands for, if it is here."""
    import linecache

    path, _, place = line[len('  File "') :].rpartition('", line ')
    number = place.partition(",")[0]
    return linecache.getline(path, int(number)).strip() if number.isdecimal() else ""


def _attach(error: BaseException, cause: RemoteTraceback) -> None:
    error.__cause__ = cause
    if sys.version_info < (3, 11) and not hasattr(error, "__notes__"):
        error.__notes__ = []  # type: ignore[attr-defined]
