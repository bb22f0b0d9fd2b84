"""``flmctl view``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from flamepy.cli.cells import clock, clock_in_full, duration, first_line, memory, number, plain
from flamepy.cli.exits import polite, wrong_usage
from flamepy.cli.kinds import APPLICATION, EXECUTOR, NODE, SESSION, TASK, Kind
from flamepy.cli.options import OutputOption, complete_application, complete_executor, complete_node, complete_session
from flamepy.cli.render import Output, show_data, show_facts, show_lines
from flamepy.cli.survey import take_survey
from flamepy.model.lifecycle import TaskState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flamepy.cli.survey import Sight, Survey
    from flamepy.model.snapshot import (
        ApplicationRecord,
        EventRecord,
        ExecutorRecord,
        NodeRecord,
        SessionRecord,
        TaskRecord,
    )

Facts = list[tuple[str, str]]

_FAILURES_SHOWN = 5
_SCHEMAS = {"input": "Input", "output": "Output", "common_data": "Common"}


@polite
def view(  # noqa: PLR0913 - the options of a command are its arguments
    ctx: typer.Context,
    application: Annotated[
        str | None,
        typer.Option(
            "--application", "-a", metavar="NAME", autocompletion=complete_application, help="An application."
        ),
    ] = None,
    session: Annotated[
        str | None,
        typer.Option("--session", "-s", metavar="ID", autocompletion=complete_session, help="A session."),
    ] = None,
    task: Annotated[
        str | None, typer.Option("--task", "-t", metavar="ID", help="With -s: a task of that session.")
    ] = None,
    executor: Annotated[
        str | None,
        typer.Option("--executor", "-e", metavar="ID", autocompletion=complete_executor, help="An executor."),
    ] = None,
    node: Annotated[
        str | None, typer.Option("--node", "-n", metavar="NAME", autocompletion=complete_node, help="A node.")
    ] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show one thing in full: name it by one of the flags.

    Of an id it is enough to type as much as no other id begins with.
    """
    wanted = ((APPLICATION, application), (SESSION, session), (EXECUTOR, executor), (NODE, node))
    kind, name = _chosen([(kind, name) for kind, name in wanted if name is not None])
    if task is not None and kind is not SESSION:
        wrong_usage("-t TASK goes with -s SESSION")
    survey = take_survey(ctx.obj, history=kind is SESSION, only=kind.plural)
    sight = survey.find(kind, name)
    if task is not None:
        record = survey.task(sight, task)
        events = sight.inspector.events(record.session, record.id)
        data = {**plain(record), "events": [plain(each) for each in events]}
        _show(TASK, record, data, [*_task_facts(record, sight), *_event_facts(events)], output)
    else:
        facts, data = _described(kind, sight, survey, output)
        _show(kind, sight.record, data, facts, output)


def _chosen(given: list[tuple[Kind, str]]) -> tuple[Kind, str]:
    if len(given) == 1:
        return given[0]
    if not given:
        wrong_usage("say what to view: -a NAME, -s SESSION, -s SESSION -t TASK, -e EXECUTOR or -n NODE")
    wrong_usage(f"one thing at a time, not {' and '.join(kind.flag for kind, _ in given)}")


def _show(kind: Kind, record: Any, data: dict[str, Any], facts: Facts, output: Output) -> None:
    if output is Output.NAME:
        show_lines([kind.name(record)])
    elif output in (Output.JSON, Output.YAML):
        show_data(data, output)
    else:
        show_facts(facts)


def _described(kind: Kind, sight: Sight, survey: Survey, output: Output) -> tuple[Facts, dict[str, Any]]:
    record, data = sight.record, plain(sight.record)
    if kind is APPLICATION:
        return _application_facts(record), data
    if kind is EXECUTOR:
        return _executor_facts(record), data
    if kind is NODE:
        return _node_facts(record), data
    events = sight.inspector.events(record.id)
    if output in (Output.TABLE, Output.WIDE, Output.NAME):
        # A cluster would send each task with all its data, for the sake of a few failures.
        return [*_session_facts(record, survey.known_tasks(record)), *_event_facts(events)], data
    return [], {
        **data,
        "engine": sight.inspector.engine,
        "events": [plain(each) for each in events],
        "tasks": [plain(each) for each in survey.tasks(sight)],
    }


def _event_facts(events: Sequence[EventRecord]) -> Facts:
    lines = [f"{clock_in_full(each.created)}: {each.message} ({each.code})" for each in events]
    return [("Events", "\n".join(["", *lines]))] if lines else []


def _application_facts(record: ApplicationRecord) -> Facts:
    return [
        ("Name", record.name),
        ("Description", record.description or "-"),
        ("Shim", record.shim),
        ("Image", record.image or "-"),
        ("URL", record.url or "-"),
        ("Installer", record.installer or "-"),
        ("Labels", ", ".join(record.tags) or "-"),
        ("Command", record.command or "-"),
        ("Arguments", " ".join(record.arguments) or "-"),
        ("Environments", ", ".join(f"{name}={value}" for name, value in record.environments) or "-"),
        ("WorkingDir", record.working_directory or "-"),
        ("Max Instances", str(record.max_instances)),
        ("Delay Release", duration(record.delay_release)),
        *((f"{_SCHEMAS[name]} Schema", _type_of(schema)) for name, schema in record.schema if name in _SCHEMAS),
    ]


def _type_of(schema: str) -> str:
    import json

    try:
        found = json.loads(schema)
    except ValueError:
        return "-"
    return str(found.get("type", "-")) if isinstance(found, dict) else "-"


def _session_facts(record: SessionRecord, tasks: list[TaskRecord]) -> Facts:
    facts = [
        ("Session", record.id),
        ("Application", record.application),
        ("State", record.state),
        ("Resources", record.resources or "-"),
        ("Creation Time", clock(record.created)),
        (
            "Tasks",
            f"{record.pending} pending, {record.running} running, {record.succeed} succeed, {record.failed} failed",
        ),
        ("Name", record.name),
        ("Runner", record.runner or "-"),
        ("Priority", str(record.priority)),
        ("Cancelled", str(record.cancelled)),
        ("End Time", clock(record.ended)),
        ("Waits For", record.reason or "-"),
        ("Log", record.log_path or "-"),
    ]
    failed = [each for each in tasks if each.state == TaskState.FAILED.value][:_FAILURES_SHOWN]
    if failed:
        facts.append(("Failures", "\n".join(["", *(f"{each.id}: {first_line(each.message)}" for each in failed)])))
    return facts


def _task_facts(record: TaskRecord, session: Sight) -> Facts:
    return [
        ("Task", record.id),
        ("Session", record.session),
        ("Application", session.record.application),
        ("State", record.state),
        ("Method", record.method or "-"),
        ("Executor", record.executor or "-"),
        ("Creation Time", clock(record.created)),
        ("End Time", clock(record.ended)),
        ("Message", "\n".join(["", record.message]) if "\n" in record.message else record.message or "-"),
    ]


def _executor_facts(record: ExecutorRecord) -> Facts:
    return [
        ("Executor", record.id),
        ("State", record.state),
        ("Session", record.session or "-"),
        ("Node", record.node or "-"),
        ("PID", str(record.pid or "-")),
        ("Creation Time", clock(record.created)),
    ]


def _node_facts(record: NodeRecord) -> Facts:
    return [
        ("Name", record.name),
        ("Hostname", record.hostname),
        ("Status", record.state),
        ("CPU", number(record.cpu)),
        ("Memory", memory(record.memory)),
        ("GPU", str(record.gpu)),
        ("Arch", record.arch or "-"),
        ("OS", record.os or "-"),
    ]
