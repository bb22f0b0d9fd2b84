"""A session manager that does not answer: how long that is borne, and what is said of it."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from flamepy.engines.linked.process import End

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any, TypeVar

    T = TypeVar("T")

LOST_SECONDS = 120.0
"""Seconds in which a session manager that is gone has to be back."""

NOTICE_SECONDS = 3.0
"""Seconds after which it is said that nobody answers."""


class Lost(Exception):
    """The conversation with an executor cannot go on; ``args[0]`` is its `End`."""


class Silence:
    """Bears it for all executors of an engine.

    Args:
        endpoint: The session manager, for messages.

    Attributes:
        given_up: Whether nobody has answered for too long.
    """

    given_up = False

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._said = False

    async def bear(self, question: Coroutine[Any, Any, T]) -> T:
        """Return the answer to a question, however long its session manager takes to start again.

        Args:
            question: A call that waits until there is a connection.

        Raises:
            Lost: Nobody has answered for `LOST_SECONDS`.
        """
        asked = asyncio.ensure_future(question)
        try:
            await asyncio.wait({asked}, timeout=NOTICE_SECONDS)
            if not asked.done() and not self._said:
                self._said = True
                text = "%s does not answer; calls wait up to %.0f s for it to be back"
                logging.getLogger("flamepy").warning(text, self._endpoint, LOST_SECONDS)
            # Who was in vain waited for once is only looked for after that.
            await asyncio.wait({asked}, timeout=NOTICE_SECONDS if self.given_up else LOST_SECONDS)
            if not asked.done():
                self.given_up = True
                text = f"{self._endpoint} has not answered for {LOST_SECONDS:.0f} s"
                raise Lost(End(reason="is out of reach", unreachable=text))
            answer = asked.result()
        finally:
            asked.cancel()
        if self._said:
            self._said = self.given_up = False
            logging.getLogger("flamepy").warning("%s answers again", self._endpoint)
        return answer
