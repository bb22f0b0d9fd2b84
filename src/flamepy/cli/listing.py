"""``flmctl list``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from flamepy.cli.exits import ERROR, note, polite, wrong_usage
from flamepy.cli.kinds import KINDS, SESSION, TASK, Kind
from flamepy.cli.options import OutputOption, complete_session
from flamepy.cli.render import Output, show_records
from flamepy.cli.survey import take_survey
from flamepy.model.lifecycle import SessionState

if TYPE_CHECKING:
    from flamepy.cli.survey import Survey

CLOSED_SHOWN = 100
"""Closed sessions that ``list -s`` shows without ``--all``."""

NO_ENGINE = "no engine is running here; each FlameRunner starts one and ends it"

_FLAGS = ", ".join(f"{kind.flag} ({kind.plural})" for kind in KINDS)


@polite
def list_things(  # noqa: PLR0913 - the options of a command are its arguments
    ctx: typer.Context,
    application: Annotated[bool, typer.Option("--application", "-a", help="Applications.")] = False,
    session: Annotated[bool, typer.Option("--session", "-s", help="Sessions, open and closed ones.")] = False,
    task: Annotated[bool, typer.Option("--task", "-t", help="Tasks of the running engines.")] = False,
    executor: Annotated[bool, typer.Option("--executor", "-e", help="Executors.")] = False,
    node: Annotated[bool, typer.Option("--node", "-n", help="Nodes.")] = False,
    package: Annotated[bool, typer.Option("--package", "-p", help="Packages.")] = False,
    within: Annotated[
        str | None,
        typer.Option(
            "--in", metavar="SESSION", autocompletion=complete_session, help="With -t: only the tasks of this session."
        ),
    ] = None,
    everything: Annotated[
        bool,
        typer.Option("--all", help=f"With -s: more than the {CLOSED_SHOWN} newest closed ones. With -t: ended too."),
    ] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """List things of one kind: name it by one of the flags.

    Sessions that are open come first, then closed ones, each the newest first.
    """
    given = {"application": application, "session": session, "task": task}
    given |= {"executor": executor, "node": node, "package": package}
    kind = chosen_kind([each for each in KINDS if given[each.noun]])
    if within is not None and kind is not TASK:
        wrong_usage(f"--in SESSION goes with -t, not with {kind.flag}")
    history = kind is SESSION or (kind is TASK and (everything or within is not None))
    survey = take_survey(ctx.obj, history=history, only="sessions" if within is not None else kind.plural)
    records = _tasks_in(survey, within) if within is not None else [each.record for each in survey.sights(kind)]
    if kind is SESSION:
        records = _sessions(records, everything=everything)
    show_records(kind, records, output)
    if not records and not survey.live:
        note(NO_ENGINE)
    if survey.silent:
        raise typer.Exit(ERROR)


def chosen_kind(kinds: list[Kind]) -> Kind:
    """Return the one kind that was asked for.

    Raises:
        typer.Exit: None, or more than one.
    """
    if len(kinds) == 1:
        return kinds[0]
    if not kinds:
        wrong_usage(f"say what to list: {_FLAGS}")
    wrong_usage(f"one kind at a time, not {' and '.join(kind.flag for kind in kinds)}")


def _tasks_in(survey: Survey, session: str) -> list[Any]:
    return survey.tasks(survey.find(SESSION, session))


def _sessions(records: list[Any], *, everything: bool) -> list[Any]:
    newest = sorted(records, key=lambda record: -record.created)
    opened = [each for each in newest if each.state == SessionState.OPEN.value]
    closed = [each for each in newest if each.state != SessionState.OPEN.value]
    older = len(closed) - CLOSED_SHOWN
    if everything or older <= 0:
        return opened + closed
    note(f"{older} older closed sessions are not shown; --all shows them")
    return opened + closed[:CLOSED_SHOWN]
