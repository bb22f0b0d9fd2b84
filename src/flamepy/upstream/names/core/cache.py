"""``flamepy.core.cache``: upstream's object cache client."""

from flamepy.upstream.objects import *  # noqa: F403
from flamepy.upstream.objects import ObjectKey as ObjectKey
from flamepy.upstream.objects import ObjectRef as ObjectRef
