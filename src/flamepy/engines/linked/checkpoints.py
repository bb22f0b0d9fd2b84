"""What brings an instance back when its executor dies: the last state that was saved, and the calls answered since."""

from __future__ import annotations

from flamepy.engines.linked.calls import Replay
from flamepy.wire.frames import Ask

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flamepy.completion import Completion
    from flamepy.engines.linked.session import LinkedSession


class Checkpoint:
    """The way back of one instance.

    Args:
        session: Whose instance it is.

    Attributes:
        state: The last one, pickled; None before the first.
        replay: Calls answered since then, to be run again on it.
    """

    def __init__(self, session: LinkedSession) -> None:
        self.state: bytes | None = None
        self.replay: list[Completion] = []
        self._session = session
        self._seconds = session.spec.checkpoint_seconds
        self._asking = False

    def remember(self, entry: Completion) -> None:
        """A call was answered: until a state contains it, it may have to be run again."""
        again = Replay()
        again._source, again._method = entry._source, entry._method
        again._payload, again._extra = entry._payload, entry._extra
        self.replay.append(again)
        if self._seconds and not self._asking:
            self._ask_later(self._seconds)

    def take_replay(self) -> list[Completion]:
        """The calls to run again; from now on they are remembered anew."""
        replay, self.replay = self.replay, []
        return replay

    def came(self, state: bytes | None, error: Any) -> None:
        """The executor has saved its state, or could not (``error``), or not now (neither)."""
        if state is not None:
            self.state = state
            self.replay.clear()
        elif error is not None:
            name = self._session.spec.name
            self._session.engine.output.warn(
                self._session,
                f"the state of {name} could not be saved: {error[1]}; a restart would begin with the last one that was",
            )
        elif self._seconds and not self._asking:
            self._ask_later(self._seconds)

    def _ask_later(self, seconds: float) -> None:
        self._asking = True
        self._session.engine.keeper.after(seconds, self._ask)

    def _ask(self) -> None:
        self._asking = False
        for link in list(self._session.links):
            if self.replay and not link.ended:
                link.note(Ask.SAVE, None)
