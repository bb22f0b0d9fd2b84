"""``flamepy.core.types``: upstream's vocabulary."""

from flamepy.context import FlameContext as FlameContext
from flamepy.context import FlamePackage as FlamePackage
from flamepy.upstream.vocabulary import *  # noqa: F403
from flamepy.upstream.vocabulary import DEFAULT_FLAME_RUNNER_TEMPLATE as DEFAULT_FLAME_RUNNER_TEMPLATE
