"""``flamepy.core.client``: upstream's session client."""

from flamepy.upstream.connection import *  # noqa: F403
from flamepy.upstream.sessions import Session as Session
from flamepy.upstream.sessions import TaskIterator as TaskIterator
from flamepy.upstream.sessions import TaskWatcher as TaskWatcher
