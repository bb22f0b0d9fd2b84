"""Change what a Flame cluster knows: its applications, its packages, sessions that no program owns."""

from __future__ import annotations

import secrets
import string
from typing import TYPE_CHECKING, BinaryIO

from flamepy.engines.flame.frontend import Frontend
from flamepy.engines.flame.records import requirement
from flamepy.wire.applications import application_spec

if TYPE_CHECKING:
    from flamepy.context import FlameContext
    from flamepy.model.snapshot import ApplicationRecord
    from flamepy.model.specs import Resources

_ALPHABET = string.ascii_lowercase + string.digits
_SUFFIX = 6


def new_session_id(application: str) -> str:
    """Return an id as Flame's own tools make them: the application's name and six characters.

    Example:
        >>> new_session_id("flmping")  # doctest: +SKIP
        'flmping-k3v9xq'
    """
    return f"{application}-{''.join(secrets.choice(_ALPHABET) for _ in range(_SUFFIX))}"


class FlameAdministrator:
    """A session manager that takes changes.

    Args:
        context: Where it and its object cache are.

    Raises:
        EngineUnavailable: Nobody answers.

    Example:
        >>> FlameAdministrator(context).unregister("digits")  # doctest: +SKIP
    """

    def __init__(self, context: FlameContext) -> None:
        self._context = context
        self._frontend = Frontend.connect(context)

    def register(self, application: ApplicationRecord) -> None:
        """Make an application known under a new name.

        Raises:
            EngineError: The name is taken or cannot be one, or the cluster refuses what it says.
        """
        self._frontend.register_application(application.name, application_spec(application))

    def update(self, application: ApplicationRecord) -> None:
        """Change the application of that name.

        Raises:
            EngineError: There is none, or it has open sessions.
        """
        self._frontend.update_application(application.name, application_spec(application))

    def unregister(self, name: str) -> None:
        """Forget an application.

        Raises:
            EngineError: There is none, or it has open sessions.
        """
        self._frontend.unregister_application(name)

    def create_session(self, application: str, *, priority: int = 0, resources: Resources | None = None) -> str:
        """Open a session and return its id.

        Raises:
            EngineError: There is no such application.
        """
        from flamepy.wire.proto import types_pb2

        self._frontend.get_application(application)  # a cluster without storage takes any name and never runs it
        spec = types_pb2.SessionSpec(
            application=application, priority=priority, batch_size=1, resreq=requirement(resources)
        )
        return self._frontend.create_session(new_session_id(application), spec).metadata.id

    def upload(self, key: str, archive: BinaryIO, size: int) -> str:
        """Store an archive in the cluster's object cache, and return the URL that executors fetch it from.

        Raises:
            EngineError: The cache refuses, or does not answer.
        """
        from flamepy.wire.cache import CacheClient

        context = self._context
        cache = CacheClient(
            context.cache_endpoint, token=context.token, ca_file=context.cache_ca_file or context.ca_file
        )
        try:
            ref = cache.upload(key, archive, size)
        finally:
            cache.close()
        # Of several caches the one that took it has it; executors know TLS under another name than Arrow.
        return f"{ref.endpoint.replace('grpc+tls://', 'grpcs://').rstrip('/')}/{ref.key}"
