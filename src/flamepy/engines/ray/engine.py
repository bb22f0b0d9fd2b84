"""The Ray engine: the linked engine over a carrier for Ray."""

from __future__ import annotations

from flamepy.engines.linked.engine import LinkedEngine
from flamepy.engines.ray.carrier import RayCarrier
from flamepy.engines.ray.cluster import connect


class RayEngine(LinkedEngine):
    """Executors are Ray actors; see `flamepy.engines.port.Engine`.

    Args:
        endpoint: ``ray://`` for the cluster of this node, or one started on the spot.
        object_memory: Bytes for objects, should a cluster be started; None for Ray's choice.
        show_logs: Whether the tasks' prints appear here.
        log_prefix: What stands before each line; ``{service}`` and ``{pid}`` are filled in.
        main_by_value: Whether code of ``__main__`` travels by value.

    Raises:
        EngineUnavailable: Ray is not installed, nobody answers, or versions do not fit.
    """

    def __init__(
        self, endpoint: str, *, object_memory: int | None, show_logs: bool, log_prefix: str, main_by_value: bool
    ) -> None:
        carrier = RayCarrier(endpoint, connect(endpoint, object_memory), main_by_value=main_by_value)
        super().__init__(carrier, show_logs=show_logs, log_prefix=log_prefix)
