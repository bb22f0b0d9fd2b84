"""``flmctl completion``: what a shell needs to complete our commands, options and ids."""

from __future__ import annotations

import os
from enum import Enum
from typing import Annotated

import typer

from flamepy.cli.exits import polite
from flamepy.cli.render import show_lines

VARIABLE = "_FLMCTL_COMPLETE"
"""Set by the scripts below; typer answers the shell's question instead of running a command."""


class Shell(str, Enum):
    """The shells that can be helped."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


_BASH = """\
_flmctl_completion() {
    local IFS=$'\\n'
    COMPREPLY=( $( env COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD _FLMCTL_COMPLETE=complete_bash $1 ) )
    return 0
}
complete -o default -F _flmctl_completion flmctl"""

_ZSH = """\
#compdef flmctl
_flmctl_completion() {
    eval $(env _TYPER_COMPLETE_ARGS="${words[1,$CURRENT]}" _FLMCTL_COMPLETE=complete_zsh flmctl)
}
compdef _flmctl_completion flmctl"""

_FISH_ASK = "env _FLMCTL_COMPLETE=complete_fish _TYPER_COMPLETE_ARGS=(commandline -cp)"

_FISH = f"""\
complete --command flmctl --no-files \
--arguments "({_FISH_ASK} _TYPER_COMPLETE_FISH_ACTION=get-args flmctl)" \
--condition "{_FISH_ASK} _TYPER_COMPLETE_FISH_ACTION=is-args flmctl\""""

_SCRIPTS = {Shell.BASH: _BASH, Shell.ZSH: _ZSH, Shell.FISH: _FISH}


@polite
def completion(shell: Annotated[Shell, typer.Argument(metavar="SHELL", help="bash, zsh or fish.")]) -> None:
    """Print a script that completes flmctl's commands, options and ids: eval "$(flmctl completion bash)"."""
    show_lines([_SCRIPTS[shell]])


def prepare() -> None:
    """Teach typer to answer the shell, if it is the shell that asks."""
    if VARIABLE in os.environ:
        from typer.completion import completion_init  # type: ignore[attr-defined]

        completion_init()
