"""``flmping``: does a cluster, or the engine of this machine, answer, and how fast."""

from __future__ import annotations

import os
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from flamepy.cli.amounts import parse_resources, parse_size
from flamepy.cli.exits import ERROR, polite
from flamepy.cli.kinds import Column
from flamepy.cli.options import ClusterOption, ConfigOption, EndpointOption
from flamepy.cli.render import show_lines, show_table
from flamepy.cli.survey import Target
from flamepy.engines.administration import PingOrder
from flamepy.errors import FlameError
from flamepy.model.lifecycle import TaskState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flamepy.context import FlameContext
    from flamepy.engines.administration import Pinged, Pings

BOX = 60
"""Columns of the box that ``-p`` draws."""

_COLUMNS = (
    Column(heading="Session", cell=lambda each: each.session),
    Column(heading="Task", cell=lambda each: each.id),
    Column(heading="State", cell=lambda each: each.state),
    Column(heading="Output", cell=lambda each: each.output or "-", elastic=True),
)

app = typer.Typer(
    name="flmping",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> None:
    """Run ``flmping`` with the arguments of this process, and end it with an exit code of `flamepy.cli.exits`."""
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")  # it tells of every connection that ends
    app(args=sys.argv[1:], prog_name="flmping")


@app.command()
@polite
def ping(  # noqa: PLR0913 - the options of a command are its arguments
    tasks: Annotated[int, typer.Option("--task-num", "-t", min=0, metavar="N", help="How many tasks.")] = 10,
    common_data: Annotated[
        str | None, typer.Option("--common-data", "-c", metavar="TEXT", help="Data that all tasks share.")
    ] = None,
    duration: Annotated[
        int | None, typer.Option("--duration", "-d", min=0, metavar="MS", help="How long each task takes.")
    ] = None,
    memory: Annotated[
        str | None, typer.Option("--memory", "-m", metavar="SIZE", help="What each task takes: 64m, 1Gi.")
    ] = None,
    performance: Annotated[
        bool, typer.Option("--perf", "-p", help="No table: how long it took, and how many tasks a second.")
    ] = False,
    priority: Annotated[int, typer.Option("--priority", "-P", min=0, help="Of the session.")] = 0,
    resreq: Annotated[
        str | None, typer.Option("--resreq", "-r", metavar="cpu=N,mem=SIZE,gpu=N", help="What each executor needs.")
    ] = None,
    config: ConfigOption = None,
    cluster: ClusterOption = None,
    endpoint: EndpointOption = "",
) -> None:
    """Run small tasks, all submitted at once, and say what became of them.

    Exit code 1 if one of them failed.
    """
    order = PingOrder(
        tasks=tasks,
        common_data=common_data,
        duration=duration,
        memory=None if memory is None else parse_size(memory),
        priority=priority,
        resources=None if resreq is None else parse_resources(resreq),
    )
    context = Target(config=config, cluster=cluster, endpoint=endpoint).context()
    done, seconds = _run(context, order)
    _show(done, seconds, performance=performance)
    if any(each.state != TaskState.SUCCEED.value for each in done):
        raise typer.Exit(ERROR)


def _run(context: FlameContext, order: PingOrder) -> tuple[Sequence[Pinged], float]:
    begin = time.perf_counter()
    pings = _open(context, order)
    with ExitStack() as undo:
        undo.push(_closing(pings))
        made = time.perf_counter() - begin
        show_lines(
            [f"Session <{pings.session}> was created in <{_ms(made)}>, start to run <{order.tasks}> tasks in it:"]
        )
        show_lines([""])
        sys.stdout.flush()
        begin = time.perf_counter()
        done = pings.run()
        return done, time.perf_counter() - begin


def _closing(pings: Pings) -> Callable[[type[BaseException] | None, BaseException | None, object], None]:
    def close(_: type[BaseException] | None, error: BaseException | None, __: object) -> None:
        try:
            pings.close()
        except FlameError:
            if error is None:  # else that is what people want to know of, or their Ctrl-C
                raise

    return close


def _open(context: FlameContext, order: PingOrder) -> Pings:
    from flamepy.engines import select

    if context.scheme in select.FLAME_SCHEMES:
        return select.pings(context, order)
    from flamepy.cli.pings import RunnerPings

    return RunnerPings(context, order)


def _show(done: Sequence[Pinged], seconds: float, *, performance: bool) -> None:
    if not performance:
        show_table(_COLUMNS, done, fit=True)
        show_lines(["", f"<{len(done)}> tasks was completed in <{_ms(seconds)}>."])
        return
    good = sum(each.state == TaskState.SUCCEED.value for each in done)
    rate = len(done) / seconds if seconds else 0.0
    show_lines(
        [
            "=" * BOX,
            f"{'Duration (s)':<24}{seconds:>{BOX - 24}.3f}",
            f"{'Succeeded':<24}{f'{good}/{len(done)}':>{BOX - 24}}",
            f"{'Failed':<24}{len(done) - good:>{BOX - 24}}",
            f"{'Throughput (tasks/sec)':<24}{rate:>{BOX - 24}.2f}",
            "=" * BOX,
        ]
    )


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


if __name__ == "__main__":
    main()
