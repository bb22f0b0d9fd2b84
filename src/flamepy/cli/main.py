"""The entry point of ``flmctl``."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Annotated

import typer

from flamepy.cli.completing import VARIABLE, prepare
from flamepy.cli.options import ClusterOption, ConfigOption, EndpointOption
from flamepy.cli.render import show_lines
from flamepy.cli.survey import Target

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
_COMMANDS = {
    "list": ("listing", "list_things"),
    "view": ("viewing", "view"),
    "logs": ("controlling", "logs"),
    "close": ("controlling", "close"),
    "cancel": ("controlling", "cancel"),
    "create": ("administering", "create"),
    "register": ("administering", "register"),
    "update": ("administering", "update"),
    "unregister": ("administering", "unregister"),
    "deploy": ("deploying", "deploy"),
    "package": ("packing", "package"),
    "completion": ("completing", "completion"),
}
"""For each command its module and function."""


def main() -> None:
    """Run ``flmctl`` with the arguments of this process, and end it with an exit code of `flamepy.cli.exits`."""
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")  # it tells of every connection that ends
    prepare()
    arguments = hoisted(sys.argv[1:])
    offer("" if VARIABLE in os.environ else command_of(arguments))
    app(args=arguments, prog_name="flmctl")


def offer(command: str) -> None:
    """Add one command, or all of them if it is none: the others would be half of the start."""
    for name in [command] if command in _COMMANDS else _COMMANDS:
        module, function = _COMMANDS[name]
        app.command(name)(getattr(import_module(f"flamepy.cli.{module}"), function))


def command_of(arguments: list[str]) -> str:
    """Return the command on a hoisted command line; empty if there is none.

    Example:
        >>> command_of(["--cluster", "prod", "list", "-s"])
        'list'
    """
    place = 0
    while place < len(arguments) and arguments[place].startswith("-"):
        place += 2 if arguments[place] in _ANYWHERE else 1
    return arguments[place] if place < len(arguments) else ""


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
    config: ConfigOption = None,
    cluster: ClusterOption = None,
    endpoint: EndpointOption = "",
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
