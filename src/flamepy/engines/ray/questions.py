"""Calls into Ray that wait for the cluster, without a time limit: a lost cluster would stop all that is here."""

from __future__ import annotations

import threading

from flamepy.errors import EngineUnavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    T = TypeVar("T")

ANSWER_SECONDS = 8.0
"""Seconds that the head of a cluster has to answer."""


class Questions:
    """Asks, and gives up.

    Args:
        endpoint: For messages.

    Attributes:
        silent: Whether the cluster has not answered the last question, and still does not.
        on_silence: Called when it begins not to.
    """

    def __init__(self, endpoint: str) -> None:
        self.silent = False
        self.on_silence: list[Callable[[], object]] = []
        self._endpoint = endpoint

    def ask(self, question: Callable[[], T]) -> T:
        """Return what ``question`` does, or raise what it raises.

        Raises:
            EngineUnavailable: It has not returned in time, or an earlier one has not to this moment.
        """
        if self.silent:
            raise self.error()
        found: list[Any] = []
        answered = threading.Event()
        threading.Thread(target=self._run, args=(question, found, answered), name="flamepy-ask", daemon=True).start()
        if not answered.wait(ANSWER_SECONDS):
            self.silent = not answered.is_set()
            for action in list(self.on_silence):
                action()
            raise self.error()
        if len(found) > 1:
            raise found[1]
        answer: T = found[0]
        return answer

    def _run(self, question: Callable[[], object], found: list[Any], answered: threading.Event) -> None:
        try:
            found.append(question())
        except BaseException as error:  # noqa: BLE001 - whoever asked raises it
            found += [None, error]
        answered.set()
        self.silent = False

    def error(self) -> EngineUnavailable:
        """Say what is the matter."""
        return EngineUnavailable(
            f"the Ray cluster of {self._endpoint} does not answer any more: its head has ended or cannot be reached",
            endpoint=self._endpoint,
        )
