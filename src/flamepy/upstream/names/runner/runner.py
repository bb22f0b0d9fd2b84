"""``flamepy.runner.runner``: upstream's Runner."""

from flamepy.upstream.runners import ObjectFuture, ObjectFutureIterator, Runner, RunnerService

__all__ = ["ObjectFuture", "ObjectFutureIterator", "Runner", "RunnerService"]
