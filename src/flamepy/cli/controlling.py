"""``flmctl close``, ``cancel`` and ``logs``."""

from __future__ import annotations

import re
import sys
import time
from calendar import timegm
from typing import TYPE_CHECKING, Annotated

import typer

from flamepy.cli.exits import ERROR, note, polite, wrong_usage
from flamepy.cli.kinds import SESSION
from flamepy.cli.options import SessionArgument, complete_session
from flamepy.cli.render import show_lines
from flamepy.cli.survey import Survey, take_survey
from flamepy.errors import FlameError

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOOK_AGAIN_SECONDS = 0.15

_LINE = re.compile(
    r"(?P<second>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?P<rest>\.\d+)Z (?P<pid>\d+) (?:stdout|stderr) (?P<text>.*)"
)


@polite
def close(
    ctx: typer.Context,
    sessions: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SESSION...", autocompletion=complete_session, help="Their ids, or how only they begin."
        ),
    ] = None,
    session: Annotated[
        list[str] | None,
        typer.Option("--session", "-s", metavar="ID", autocompletion=complete_session, help="The same."),
    ] = None,
) -> None:
    """Close sessions: running tasks are stopped, pending ones cancelled."""
    wanted_sessions = [*(sessions or ()), *(session or ())]
    if not wanted_sessions:
        wrong_usage("say which: flmctl close SESSION...")
    survey = take_survey(ctx.obj, only=SESSION.plural)
    failed = False
    for wanted in wanted_sessions:
        try:
            _close_one(survey, wanted)
        except FlameError as error:
            note(str(error))
            failed = True
    if failed:
        raise typer.Exit(ERROR)


@polite
def cancel(
    ctx: typer.Context,
    session: SessionArgument,
    task: Annotated[str, typer.Argument(metavar="TASK", help="Its id, or how only it begins.")],
) -> None:
    """Cancel one task."""
    survey = take_survey(ctx.obj, only=SESSION.plural)
    sight = survey.find(SESSION, session)
    record = survey.task(sight, task)
    sight.inspector.cancel_task(record.session, record.id)
    show_lines([f"Task {record.id} of session {record.session} was cancelled."])


@polite
def logs(
    ctx: typer.Context,
    session: SessionArgument,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the session is closed.")] = False,
    timestamps: Annotated[bool, typer.Option("--timestamps", "-t", help="Begin lines with the local time.")] = False,
    tail: Annotated[int | None, typer.Option("--tail", min=0, metavar="N", help="Begin with the last N lines.")] = None,
) -> None:
    """Show what the tasks of a session printed, each line after the number of its process."""
    sight = take_survey(ctx.obj, only=SESSION.plural).find(SESSION, session)
    lines = sight.inspector.logs(sight.record.id, follow=follow)
    for line in lines if tail is None else _last(lines, tail):
        if line:
            show_lines([_readable(line, timestamps=timestamps)])
        else:
            sys.stdout.flush()
            time.sleep(_LOOK_AGAIN_SECONDS)


def _close_one(survey: Survey, wanted: str) -> None:
    sight = survey.find(SESSION, wanted)
    sight.inspector.close_session(sight.record.id)
    show_lines([f"Session {sight.record.id} was closed."])


def _last(lines: Iterator[str], count: int) -> Iterator[str]:
    """Yield the last lines of those that are there already, then all that come."""
    from collections import deque

    kept: deque[str] = deque(maxlen=count)
    for line in lines:
        if not line:
            break
        kept.append(line)
    yield from kept
    yield from lines


def _readable(line: str, *, timestamps: bool) -> str:
    parts = _LINE.fullmatch(line)
    if parts is None:
        return line
    text = f"({parts['pid']}) {parts['text']}"
    if not timestamps:
        return text
    moment = time.localtime(timegm(time.strptime(parts["second"], "%Y-%m-%dT%H:%M:%S")))
    return f"{time.strftime('%Y-%m-%d %H:%M:%S', moment)}{parts['rest']} {text}"
