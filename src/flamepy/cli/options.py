"""Options that several commands share, and what the shell offers for them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flamepy.cli.kinds import APPLICATION, EXECUTOR, NODE, SESSION, Kind
from flamepy.cli.render import Output
from flamepy.cli.survey import Target, take_survey
from flamepy.errors import FlameError

ConfigOption = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="A flame.yaml instead of the one that is found.")
]
ClusterOption = Annotated[str | None, typer.Option("--cluster", metavar="NAME", help="A cluster in it.")]
EndpointOption = Annotated[
    str, typer.Option("--endpoint", metavar="URL", help="Where the engine is; local:// is this machine.")
]
OutputOption = Annotated[Output, typer.Option("--output", "-o", help="How to show it.")]


def complete_session(incomplete: str) -> list[str]:
    """Ids of sessions that begin so."""
    return _begin(SESSION, incomplete)


def complete_application(incomplete: str) -> list[str]:
    """Names of applications that begin so."""
    return _begin(APPLICATION, incomplete)


def complete_executor(incomplete: str) -> list[str]:
    """Ids of executors that begin so."""
    return _begin(EXECUTOR, incomplete)


def complete_node(incomplete: str) -> list[str]:
    """Names of nodes that begin so."""
    return _begin(NODE, incomplete)


def _begin(kind: Kind, incomplete: str) -> list[str]:
    # The shell has no place for an error message.
    try:
        sights = list(take_survey(Target(), history=kind is SESSION, only=kind.plural).sights(kind))
    except FlameError:
        return []
    names = [kind.name(each.record) for each in sights]
    return [name for name in names if name.startswith(incomplete)]


SessionArgument = Annotated[
    str,
    typer.Argument(
        metavar="SESSION", autocompletion=complete_session, help="Its id, or as much of it as no other id begins with."
    ),
]
