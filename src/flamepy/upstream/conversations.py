"""flamepy.service.Session: requests to a `FlameInstance` that runs in a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flamepy.serialization import plain
from flamepy.upstream.connection import create_session, open_session
from flamepy.upstream.objects import ObjectRef, get_object, put_object
from flamepy.upstream.vocabulary import ResourceRequirement, short_name

if TYPE_CHECKING:
    from types import TracebackType

    from flamepy.upstream import sessions


class Session:
    """A session of a service; requests, answers and the context are pickled.

    Args:
        name: The application, for a new session.
        ctx: The context of a new session.
        session_id: An open session, instead of a new one.
        resreq: What each instance needs; ``{"cpu": 1, "memory": "2g"}`` will do.

    Raises:
        ValueError: Both or neither of ``name`` and ``session_id`` are given.
        FlameError: The cluster refuses.

    Example:
        >>> with Session("greeter", ctx="Good morning") as session:  # doctest: +SKIP
        ...     session.invoke("Ada")
        'Good morning, Ada'
    """

    def __init__(
        self,
        name: str | None = None,
        ctx: Any = None,
        session_id: str | None = None,
        resreq: ResourceRequirement | dict[str, Any] | None = None,
    ) -> None:
        if (name is None) == (session_id is None):
            raise ValueError("give either 'name', for a new session, or 'session_id', for an open one")
        self._session: sessions.Session | None
        if name is None:
            self._session = open_session(str(session_id))
        else:
            own_id = short_name(name)
            common_data = None if ctx is None else put_object(f"{name}/{own_id}", plain.dumps(ctx)).encode()
            self._session = create_session(
                name, common_data=common_data, session_id=own_id, resreq=_requirement(resreq)
            )

    def invoke(self, req: Any) -> Any:
        """Send a request and return the answer.

        Raises:
            FlameError: The entrypoint raised, or the session is closed.
        """
        if self._session is None:
            raise RuntimeError("the session is closed")
        output = self._session.invoke(plain.dumps(req))
        return None if output is None else plain.loads(output)

    def context(self) -> Any:
        """Return the session's context as it is now; None if it has none."""
        common_data = None if self._session is None else self._session.common_data()
        return None if common_data is None else plain.loads(get_object(ObjectRef.decode(common_data)))

    def id(self) -> str | None:
        """Return the session's id; None once it is closed."""
        return None if self._session is None else self._session.id

    def close(self) -> None:
        """Close the session; idempotent."""
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def __enter__(self) -> Session:
        """Nothing to do: it is open."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the session."""
        self.close()


def _requirement(given: ResourceRequirement | dict[str, Any] | None) -> ResourceRequirement | None:
    if not isinstance(given, dict):
        return given
    memory = given.get("memory") or given.get("mem") or 0
    return ResourceRequirement(
        cpu=given.get("cpu", 0),
        memory=ResourceRequirement._parse_memory(memory) if isinstance(memory, str) else memory,
        gpu=given.get("gpu", 0),
    )
