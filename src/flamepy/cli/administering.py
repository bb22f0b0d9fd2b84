"""``flmctl create``, ``register``, ``update`` and ``unregister``: what changes a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flamepy.cli.amounts import parse_resources
from flamepy.cli.exits import ERROR, note, polite, wrong_usage
from flamepy.cli.options import complete_application
from flamepy.cli.render import show_lines
from flamepy.errors import EngineError

if TYPE_CHECKING:
    from flamepy.cli.survey import Target
    from flamepy.engines.administration import Administration

FileOption = Annotated[
    Path | None, typer.Option("--file", "-f", metavar="FILE", help="YAML: one application, or several split by ---.")
]
PriorityOption = Annotated[int, typer.Option("--priority", "-p", min=0, help="Higher ones get executors first.")]
ResourcesOption = Annotated[
    str | None, typer.Option("--resreq", "-r", metavar="cpu=N,mem=SIZE,gpu=N", help="What each executor needs.")
]


def cluster(target: Target) -> Administration:
    """Connect to the cluster that the options name.

    Raises:
        FlameError: The options are wrong, it is no cluster, or nobody answers.
    """
    from flamepy.engines.select import administration

    return administration(target.context())


@polite
def create(
    ctx: typer.Context,
    application: Annotated[
        str,
        typer.Option("--app", "--application", "-a", metavar="NAME", autocompletion=complete_application,
                     help="What the session is of."),
    ],
    priority: PriorityOption = 0,
    resreq: ResourcesOption = None,
) -> None:  # fmt: skip
    """Open a session of an application; it stays until it is closed."""
    resources = None if resreq is None else parse_resources(resreq)
    session = cluster(ctx.obj).create_session(application, priority=priority, resources=resources)
    show_lines([f"Session {session} was created."])


@polite
def register(ctx: typer.Context, file: FileOption = None) -> None:
    """Register the applications of a file."""
    _each_of(ctx.obj, file, "register", "registered")


@polite
def update(
    ctx: typer.Context,
    file: FileOption = None,
    application: Annotated[
        Path | None, typer.Option("--application", "-a", metavar="FILE", help="The same, as Flame's own tool has it.")
    ] = None,
) -> None:
    """Change registered applications to what a file says."""
    _each_of(ctx.obj, file or application, "update", "updated")


@polite
def unregister(
    ctx: typer.Context,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME...", autocompletion=complete_application, help="Their names.")
    ] = None,
    application: Annotated[
        list[str] | None,
        typer.Option("--application", "-a", metavar="NAME", autocompletion=complete_application, help="The same."),
    ] = None,
) -> None:
    """Forget applications; their sessions must be closed."""
    wanted = [*(names or ()), *(application or ())]
    if not wanted:
        wrong_usage("say which: flmctl unregister NAME...")
    at = cluster(ctx.obj)
    failed = False
    for name in wanted:
        try:
            at.unregister(name)
            show_lines([f"Application {name} was unregistered."])
        except EngineError as error:
            note(str(error))
            failed = True
    if failed:
        raise typer.Exit(ERROR)


def _each_of(target: Target, file: Path | None, verb: str, done: str) -> None:
    if file is None:
        wrong_usage(f"say where the applications are written: flmctl {verb} -f FILE")
    from flamepy.cli.application_file import read_applications

    applications = read_applications(file)
    at = cluster(target)
    for application in applications:
        getattr(at, verb)(application)
        show_lines([f"Application {application.name} was {done}."])
