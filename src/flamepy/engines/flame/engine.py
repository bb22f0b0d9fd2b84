"""The engine of a Flame cluster: the linked engine over a carrier that speaks what the cluster understands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flamepy.engines.flame.carrier import connect
from flamepy.engines.linked.engine import LinkedEngine

if TYPE_CHECKING:
    from flamepy.context import FlameContext
    from flamepy.engines.flame.carrier import FlameCarrier
    from flamepy.engines.flame.frontend import Frontend


class FlameEngine(LinkedEngine):
    """Executors in a Flame cluster; see `flamepy.engines.port.Engine`.

    Args:
        context: Where the cluster is.
        object_memory: Bytes of shared memory for this machine's copies of objects; None for 30 % of its memory.
        show_logs: Whether the tasks' prints appear here.
        log_prefix: What stands before each line; ``{service}`` and ``{pid}`` are filled in.
        main_by_value: Whether code of ``__main__`` travels by value.

    Raises:
        EngineUnavailable: Nobody answers there, or the extra ``flame`` is not installed.
    """

    def __init__(
        self,
        context: FlameContext,
        *,
        object_memory: int | None,
        show_logs: bool,
        log_prefix: str,
        main_by_value: bool,
    ) -> None:
        frontend = connect(context)
        kind = _carrier_for(context, frontend)
        carrier = kind(context, frontend, object_memory=object_memory, main_by_value=main_by_value)
        super().__init__(carrier, show_logs=show_logs, log_prefix=log_prefix)


def _carrier_for(context: FlameContext, frontend: Frontend) -> type[FlameCarrier]:
    """The stream where the cluster has it, else what every cluster has."""
    from flamepy.engines.flame.stream import StreamCarrier, carries

    if carries(context, frontend):
        return StreamCarrier
    from flamepy.engines.flame.plain import PlainCarrier

    return PlainCarrier
