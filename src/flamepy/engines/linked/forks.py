"""The user's process was forked while an engine was open: the copy must neither use, wait for nor delete what is in it.

Its sockets would steal the parent's answers, and keep executors alive that the parent has let go; its copies of objects
would free shared memory that the parent uses. So everything is closed without a word to anybody, and who asks for a
result in the child is told why there will be none. Locks are not touched: other threads of the parent may have held
them.
"""

from __future__ import annotations

import os
import weakref

from flamepy.completion import PENDING, Failure, failure_of
from flamepy.errors import EngineClosed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from flamepy.engines.linked.engine import LinkedEngine
    from flamepy.engines.linked.session import LinkedSession


def watch(engine: LinkedEngine) -> None:
    """Have `disown` called in each child that is forked while the engine lives."""
    reference = weakref.ref(engine)

    def forked() -> None:
        found = reference()
        if found is not None and not found.closed:
            disown(found)

    os.register_at_fork(after_in_child=forked)


def disown(engine: LinkedEngine) -> None:
    """Make the copy of an engine in a forked child harmless."""
    engine.closing = engine.closed = True
    engine.why_closed = "this process was forked from one with an open runner, which stays with its parent"
    error = EngineClosed(f"{engine.why_closed}; open a runner here, or start the process with the 'spawn' method")
    engine.objects.disown()
    for session in list(engine.sessions.values()):
        _fail(session, error)
    for process in list(engine.fleet.processes.values()):
        process.link.ended = True
        process.link.channel.hang_up()
        if process.output >= 0:
            os.close(process.output)
    engine.disown()


def _fail(session: LinkedSession, error: BaseException) -> None:
    session.break_down(error)
    for failure, _, _ in session.failures:
        found = failure()
        if found is not None:  # it is the parent's to report
            found.seen = True
    streams = [stream for link in session.links for stream in link.open_streams()]
    for entry in [*session.outstanding(), *(stream.whole for stream in streams)]:
        if entry._outcome is PENDING:
            entry._outcome = _failure(error, session)
    for stream in streams:
        stream.end(_failure(error, session))


def _failure(error: BaseException, session: LinkedSession) -> Failure:
    failure = failure_of(error, session.spec.name)
    failure.seen = True
    return failure
