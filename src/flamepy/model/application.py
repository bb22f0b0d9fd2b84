"""The application that is always there: ``flmrun`` runs Python projects."""

from __future__ import annotations

from flamepy.model.snapshot import ApplicationRecord

FLMRUN = "flmrun"
"""The name of the default application; a runner's services are sessions under it."""


def flmrun(created: float) -> ApplicationRecord:
    """Return the built-in application as an engine registers it when it starts.

    Args:
        created: When it was registered, seconds since the epoch.

    Example:
        >>> flmrun(0).command
        'uv'
    """
    return ApplicationRecord(
        name=FLMRUN,
        created=created,
        shim="Host",
        command="uv",
        description="Runs Python projects: functions, classes and instances as services.",
        arguments=("run", "--python", "python${FLAME_PYTHON_VERSION}", "python", "-m", "flamepy.runner.runpy"),
        max_instances=1_000_000,
        delay_release=60,
        installer="python",
    )
