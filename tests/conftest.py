"""What all tests share."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# "default" is quick and repeatable; HYPOTHESIS_PROFILE=thorough searches long and anew.
settings.register_profile("default", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", parent=settings.get_profile("default"), derandomize=False, max_examples=5000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
