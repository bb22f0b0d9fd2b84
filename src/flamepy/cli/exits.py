"""How ``flmctl`` ends: its exit codes, and one sentence on stderr for everything that goes wrong."""

from __future__ import annotations

import functools
import os
import sys
from typing import TYPE_CHECKING, TypeVar

import typer

from flamepy.errors import FlameError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn, ParamSpec

    P = ParamSpec("P")

R = TypeVar("R")

OK = 0
ERROR = 1
"""Something was not found, not possible, or an engine did not answer."""
USAGE = 2
"""The command line is wrong."""
INTERRUPTED = 130
"""Ctrl-C."""
BROKEN_PIPE = 141
"""Nobody reads our output any more, as in ``flmctl list -s | head``."""


def note(message: str) -> None:
    """Say something that is not the answer, on stderr."""
    typer.echo(f"flmctl: {message}", err=True)


def wrong_usage(message: str) -> NoReturn:
    """Say what to type instead, and end.

    Raises:
        typer.Exit: Always, with code 2.
    """
    note(message)
    raise typer.Exit(USAGE)


def polite(command: Callable[P, R]) -> Callable[P, R]:
    """Wrap a command: errors that the user can act on become a sentence and an exit code, never a traceback."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            result = command(*args, **kwargs)
            sys.stdout.flush()
        except FlameError as error:
            note(str(error))
            raise typer.Exit(ERROR) from error
        except KeyboardInterrupt as error:
            raise typer.Exit(INTERRUPTED) from error
        except BrokenPipeError:
            _end_quietly()
        return result

    return wrapped


def _end_quietly() -> NoReturn:
    # The interpreter flushes stdout once more when it ends; that must not fail again, audibly.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise typer.Exit(BROKEN_PIPE)
