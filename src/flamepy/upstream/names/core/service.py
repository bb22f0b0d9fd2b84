"""``flamepy.core.service``: upstream's base of services."""

from flamepy.upstream.instance import *  # noqa: F403
