"""The entry point of ``flmctl``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from flamepy.cli.administering import create, register, unregister, update
from flamepy.cli.completing import completion, prepare
from flamepy.cli.controlling import cancel, close, logs
from flamepy.cli.deploying import deploy
from flamepy.cli.listing import list_things
from flamepy.cli.packing import package
from flamepy.cli.render import show_lines
from flamepy.cli.survey import Target
from flamepy.cli.viewing import view

_EPILOG = (
    "--config, --cluster and --endpoint may stand anywhere on the line. "
    "Exit codes: 0 done; 1 not found, not possible, or an engine did not answer; 2 wrong command line; 130 Ctrl-C; "
    "141 the reader of the output has gone."
)

_ANYWHERE = ("--config", "--cluster", "--endpoint")

app = typer.Typer(
    name="flmctl",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("list")(list_things)
app.command("view")(view)
app.command("logs")(logs)
app.command("close")(close)
app.command("cancel")(cancel)
app.command("create")(create)
app.command("register")(register)
app.command("update")(update)
app.command("unregister")(unregister)
app.command("deploy")(deploy)
app.command("package")(package)
app.command("completion")(completion)


def main() -> None:
    """Run ``flmctl`` with the arguments of this process, and end it with an exit code of `flamepy.cli.exits`."""
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")  # it tells of every connection that ends
    prepare()
    app(args=hoisted(sys.argv[1:]), prog_name="flmctl")


def hoisted(arguments: list[str]) -> list[str]:
    """Return the command line with those options first that say which engines are meant.

    Example:
        >>> hoisted(["list", "-s", "--cluster", "prod"])
        ['--cluster', 'prod', 'list', '-s']
    """
    first: list[str] = []
    rest: list[str] = []
    pending = list(arguments)
    while pending:
        argument = pending.pop(0)
        if argument == "--":
            return [*first, *rest, argument, *pending]
        if argument in _ANYWHERE:
            first += [argument, *pending[:1]]
            del pending[:1]
        elif argument.startswith(tuple(f"{name}=" for name in _ANYWHERE)):
            first.append(argument)
        else:
            rest.append(argument)
    return first + rest


@app.callback(epilog=_EPILOG)
def root(
    ctx: typer.Context,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="A flame.yaml instead of the one that is found.")
    ] = None,
    cluster: Annotated[str | None, typer.Option("--cluster", metavar="NAME", help="A cluster in it.")] = None,
    endpoint: Annotated[
        str, typer.Option("--endpoint", metavar="URL", help="Where the engine is; local:// is this machine.")
    ] = "",
    version: Annotated[bool, typer.Option("--version", help="Show the version and end.")] = False,
) -> None:
    """Look at Flame engines: their sessions, tasks, executors, nodes, applications and packages."""
    ctx.obj = Target(config=config, cluster=cluster, endpoint=endpoint)
    if version:
        from importlib.metadata import version as version_of

        show_lines([f"flmctl {version_of('flamepy')}"])
    elif ctx.invoked_subcommand is None:
        show_lines([ctx.get_help()])


if __name__ == "__main__":
    main()
