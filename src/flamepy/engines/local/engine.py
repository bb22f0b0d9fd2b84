"""The embedded engine: the linked engine over a carrier for this machine."""

from __future__ import annotations

from flamepy.engines.linked.engine import LinkedEngine
from flamepy.engines.local.carrier import LocalCarrier

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flamepy.engines.local.launcher import Launcher


class LocalEngine(LinkedEngine):
    """Executors on this machine; see `flamepy.engines.port.Engine`.

    Args:
        object_memory: Bytes of shared memory for objects; None for 30 % of the machine's memory.
        show_logs: Whether the tasks' prints appear here.
        log_prefix: What stands before each line; ``{service}`` and ``{pid}`` are filled in.
        main_by_value: Whether code of ``__main__`` travels by value.
        launcher: The template process, if it has been started already.

    Raises:
        EngineUnavailable: Not on this operating system, or the template process does not start.
    """

    def __init__(
        self,
        *,
        object_memory: int | None,
        show_logs: bool,
        log_prefix: str,
        main_by_value: bool,
        launcher: Launcher | None = None,
    ) -> None:
        carrier = LocalCarrier(object_memory=object_memory, main_by_value=main_by_value, launcher=launcher)
        super().__init__(carrier, show_logs=show_logs, log_prefix=log_prefix)
