"""``flamepy.runner.helper``: what a task's input or output holds."""

from flamepy.upstream.decoding import ErrorType, RunnerError, get_data

__all__ = ["ErrorType", "RunnerError", "get_data"]
