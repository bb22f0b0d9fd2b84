"""``flamepy.runner.types``: what upstream's Runner pickles."""

from flamepy.upstream.requests import RunnerContext, RunnerRequest, SessionContext

__all__ = ["RunnerContext", "RunnerRequest", "SessionContext"]
