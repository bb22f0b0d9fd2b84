"""Upstream's core client: applications and sessions of a Flame cluster."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from flamepy import errors
from flamepy.context import FlameContext
from flamepy.engines import select
from flamepy.upstream import conversion
from flamepy.upstream.sessions import Session, upstream_errors
from flamepy.upstream.vocabulary import (
    Application,
    ApplicationAttributes,
    FlameError,
    FlameErrorCode,
    ResourceRequirement,
    SessionAttributes,
    short_name,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from flamepy.engines.flame.frontend import Frontend

_WATCHERS = 256


class Connection:
    """A connection to a cluster's session manager.

    Args:
        frontend: Our client of it.
        addr: Its URL.
    """

    def __init__(self, frontend: Frontend, addr: str) -> None:
        self.frontend = frontend
        self.addr = addr
        self._watchers = ThreadPoolExecutor(_WATCHERS, thread_name_prefix="flame-watch")

    @classmethod
    def connect(cls, addr: str, tls_config: Any = None) -> Connection:
        """Connect; see `connect`."""
        return connect(addr, tls_config)

    def close(self) -> None:
        """Hang up, once the tasks being waited for have ended."""
        self._watchers.shutdown()
        self.frontend.close()

    def watch(self, work: Callable[[], None]) -> None:
        """Do what waits for a task, on a thread."""
        self._watchers.submit(work)

    def register_application(self, name: str, app_attrs: ApplicationAttributes | dict[str, Any]) -> None:
        """Register an application.

        Raises:
            FlameError: The cluster refuses.
        """
        given = ApplicationAttributes(**app_attrs) if isinstance(app_attrs, dict) else app_attrs
        with upstream_errors("register application"):
            self.frontend.register_application(name, conversion.application_spec(given))

    def unregister_application(self, name: str) -> None:
        """Forget an application.

        Raises:
            FlameError: The cluster refuses.
        """
        with upstream_errors("unregister application"):
            self.frontend.unregister_application(name)

    def list_applications(self) -> list[Application]:
        """Return all applications."""
        with upstream_errors("list applications"):
            return [conversion.application(each) for each in self.frontend.list_applications()]

    def get_application(self, name: str) -> Application | None:
        """Return an application; None if there is none."""
        try:
            with upstream_errors("get application"):
                return conversion.application(self.frontend.get_application(name))
        except FlameError as error:
            if error.code is FlameErrorCode.NOT_FOUND:
                return None
            raise

    def list_executors(self) -> list[Any]:
        """Return all executors, as messages of the protocol."""
        with upstream_errors("list executors"):
            return self.frontend.list_executors()

    def list_nodes(self) -> list[Any]:
        """Return all nodes, as messages of the protocol."""
        with upstream_errors("list nodes"):
            return self.frontend.list_nodes()

    def create_session(self, attrs: SessionAttributes) -> Session:
        """Create a session.

        Raises:
            FlameError: The cluster refuses.
        """
        name = short_name(attrs.application) if attrs.id is None else attrs.id
        spec = conversion.session_spec(attrs)
        with upstream_errors("create session"):
            return Session(self, self.frontend.create_session(name, spec))

    def open_session(self, session_id: str, spec: SessionAttributes | None = None) -> Session:
        """Return an open session; with ``spec`` it is created if there is none.

        Raises:
            FlameError: There is none, it is closed, or it has another specification.
        """
        described = None if spec is None else conversion.session_spec(spec)
        with upstream_errors("open session"):
            return Session(self, self.frontend.open_session(session_id, described))

    def list_sessions(self) -> list[Session]:
        """Return all sessions."""
        with upstream_errors("list sessions"):
            return [Session(self, each) for each in self.frontend.list_sessions()]

    def get_session(self, session_id: str) -> Session:
        """Return a session.

        Raises:
            FlameError: There is none.
        """
        with upstream_errors("get session"):
            return Session(self, self.frontend.get_session(session_id))

    def close_session(self, session_id: str) -> Session:
        """Close a session.

        Raises:
            FlameError: There is none, or a task runs.
        """
        with upstream_errors("close session"):
            return Session(self, self.frontend.close_session(session_id))


class ConnectionInstance:
    """The connection of this process, made when it is first needed."""

    _lock = threading.Lock()
    _connection: Connection | None = None

    @classmethod
    def instance(cls) -> Connection:
        """Return it.

        Raises:
            FlameError: The context names no Flame cluster, or nobody answers there.
        """
        with cls._lock:
            if cls._connection is None:
                cls._connection = _connected(FlameContext())
            return cls._connection


def connect(addr: str, tls_config: Any = None) -> Connection:
    """Connect to a cluster.

    Args:
        addr: ``http(s)://host:port``.
        tls_config: What has a ``ca_file``; None for the context's.

    Raises:
        FlameError: The address is none of a cluster, or nobody answers there.
    """
    if not addr:
        raise FlameError(FlameErrorCode.INVALID_CONFIG, "address cannot be empty")
    try:
        return _connected(FlameContext(endpoint=addr, ca_file=getattr(tls_config, "ca_file", None)))
    except errors.ConfigError as error:
        raise FlameError(FlameErrorCode.INVALID_CONFIG, str(error)) from error


def _connected(context: FlameContext) -> Connection:
    try:
        return Connection(select.frontend(context), context.endpoint)
    except errors.EngineError as error:
        raise FlameError(FlameErrorCode.INVALID_CONFIG, f"failed to connect to {context.endpoint}: {error}") from error


def create_session(  # noqa: PLR0913 - upstream's
    application: str,
    common_data: bytes | None = None,
    session_id: str | None = None,
    min_instances: int = 0,
    max_instances: int | None = None,
    batch_size: int = 1,
    resreq: ResourceRequirement | None = None,
) -> Session:
    """Create a session; see `SessionAttributes`.

    Raises:
        FlameError: The cluster refuses.
    """
    attributes = SessionAttributes(
        application, session_id, common_data, min_instances, max_instances, batch_size, resreq
    )
    return ConnectionInstance.instance().create_session(attributes)


def open_session(session_id: str, spec: SessionAttributes | None = None) -> Session:
    """Return an open session; see `Connection.open_session`."""
    return ConnectionInstance.instance().open_session(session_id, spec)


def register_application(name: str, app_attrs: ApplicationAttributes | dict[str, Any]) -> None:
    """Register an application; see `ApplicationAttributes`."""
    ConnectionInstance.instance().register_application(name, app_attrs)


def unregister_application(name: str) -> None:
    """Forget an application."""
    ConnectionInstance.instance().unregister_application(name)


def list_applications() -> list[Application]:
    """Return all applications."""
    return ConnectionInstance.instance().list_applications()


def list_executors() -> list[Any]:
    """Return all executors, as messages of the protocol."""
    return ConnectionInstance.instance().list_executors()


def list_nodes() -> list[Any]:
    """Return all nodes, as messages of the protocol."""
    return ConnectionInstance.instance().list_nodes()


def get_application(name: str) -> Application | None:
    """Return an application; None if there is none."""
    return ConnectionInstance.instance().get_application(name)


def list_sessions() -> list[Session]:
    """Return all sessions."""
    return ConnectionInstance.instance().list_sessions()


def get_session(session_id: str) -> Session:
    """Return a session."""
    return ConnectionInstance.instance().get_session(session_id)


def close_session(session_id: str) -> Session:
    """Close a session; refused while a task runs."""
    return ConnectionInstance.instance().close_session(session_id)
