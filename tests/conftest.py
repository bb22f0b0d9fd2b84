"""What all tests share."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

# A job started in the background has SIGINT ignored, and so would every process that a test starts and interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# "default" is quick and repeatable; HYPOTHESIS_PROFILE=thorough searches long and anew.
settings.register_profile("default", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", parent=settings.get_profile("default"), derandomize=False, max_examples=5000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(scope="session", autouse=True)
def own_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep tests apart from the user's engines, logs and settings, and test processes apart from each other."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("FLAME_")]:
            patch.delenv(name)
        patch.setenv("FLAMEPY_RUNTIME_DIR", str(tmp_path_factory.mktemp("run")))
        patch.setenv("FLAMEPY_STATE_DIR", str(tmp_path_factory.mktemp("state")))
        yield
