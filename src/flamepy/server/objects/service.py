"""The Flight calls of the cache."""

from __future__ import annotations

import hmac
import logging
import uuid
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

import pyarrow as pa
from pyarrow import flight

from flamepy.server.objects.answers import RESPONSE, answer
from flamepy.server.objects.store import ObjectMissing
from flamepy.server.objects.values import Table, received, received_blob
from flamepy.wire.bson import encode_document
from flamepy.wire.objects import is_prefix, split_key, split_prefix

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flamepy.server.objects.counters import CacheCounters
    from flamepy.server.objects.store import ObjectStore

    Call = TypeVar("Call", bound=Callable[..., Any])

_log = logging.getLogger(__name__)
_PATCH = b"PATCH:"
_DELETE = "DELETE"


class _Private:
    """Keeps our frames to ourselves.

    Arrow sends the traceback of whatever is raised here to the client; when it cannot format one, it sends the name of
    the class.
    """

    @property
    def __cause__(self) -> None:
        raise AttributeError


class _NotFound(_Private, pa.lib.ArrowKeyError):  # type: ignore[misc]  # Arrow has no types
    """NOT_FOUND."""


class _Invalid(_Private, pa.ArrowInvalid):  # type: ignore[misc]
    """INVALID_ARGUMENT."""


class _Unimplemented(_Private, pa.lib.ArrowNotImplementedError):  # type: ignore[misc]
    """UNIMPLEMENTED."""


def _answering(call: Call) -> Call:
    """Turn what goes wrong into the statuses of Flight."""

    @wraps(call)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return call(*args, **kwargs)
        except ObjectMissing as error:
            raise _NotFound(str(error)) from None
        except ValueError as error:
            raise _Invalid(str(error)) from None
        except NotImplementedError as error:
            raise _Unimplemented(str(error)) from None
        except (OSError, MemoryError) as error:
            _log.exception("the object cache cannot do its work")
            raise flight.FlightInternalError(f"the cache's disk or memory refused: {type(error).__name__}") from None
        except flight.FlightError:
            raise
        except Exception:  # noqa: BLE001 - whatever it is, the client gets a status
            _log.exception("the object cache failed")
            raise flight.FlightInternalError("the cache failed; its log says why") from None

    return cast("Call", wrapped)


class CacheService(flight.FlightServerBase):  # type: ignore[misc]  # Arrow has no types
    """Serves a store over Arrow Flight; it listens as soon as it is made.

    Args:
        store: The objects.
        counters: What to count in.
        location: Where to listen: ``grpc://host:port`` or ``grpc+tls://host:port``.
        options: TLS certificates and middleware, for `pyarrow.flight.FlightServerBase`.
    """

    def __init__(self, store: ObjectStore, counters: CacheCounters, location: str, **options: Any) -> None:
        self._store = store
        self._counters = counters
        self.advertised = location
        super().__init__(location, **options)

    @_answering
    def do_put(self, context: Any, descriptor: Any, reader: Any, writer: Any) -> None:
        """Create, replace or patch an object; answers with its reference as soon as the client is done sending."""
        if descriptor.descriptor_type == flight.DescriptorType.CMD:
            key, version = self._patch(bytes(descriptor.command), reader)
        elif descriptor.descriptor_type == flight.DescriptorType.PATH and descriptor.path:
            key, version = self._put(_text(descriptor.path[0]), reader)
        else:
            raise ValueError("name the object by a path of one element, or by the command PATCH:<key>")
        fields: dict[str, str | int] = {"endpoint": self.advertised, "key": key, "version": version}
        writer.write(pa.py_buffer(encode_document(fields, wide=True)))

    def _put(self, name: str, reader: Any) -> tuple[str, int]:
        if is_prefix(name):
            split_prefix(name)
            name = f"{name}/{uuid.uuid4()}"
        split_key(name)
        value = received(reader.schema, _batches(reader))
        version = self._store.put(name, value)
        self._counters.add(puts=1, bytes_in=value.nbytes)
        return name, version

    def _patch(self, command: bytes, reader: Any) -> tuple[str, int]:
        if not command.startswith(_PATCH):
            raise ValueError("the only command is PATCH:<key>")
        key = _text(command[len(_PATCH) :])
        split_key(key)
        data = received_blob(reader.schema, _batches(reader))
        version = self._store.patch(key, data)
        self._counters.add(patches=1, bytes_in=data.size)
        return key, version

    @_answering
    def do_get(self, context: Any, ticket: Any) -> Any:
        """Send an object, or what is new since the version that the ticket names."""
        key, have = _parse_ticket(_text(ticket.ticket))
        self._counters.add(gets=1)
        try:
            found = answer(self._store.get(key), have)
        except ObjectMissing:
            self._counters.add(missing=1)
            raise
        self._counters.add(bytes_out=found.nbytes, not_modified=int(found.not_modified))
        return flight.RecordBatchStream(pa.RecordBatchReader.from_batches(found.schema, found.batches))

    @_answering
    def do_action(self, context: Any, action: Any) -> list[bytes]:
        """Delete an object, a session's, or an application's."""
        if action.type != _DELETE:
            raise ValueError(f"no action {action.type[:100]!r}; there is {_DELETE}")
        name = _text(action.body.to_pybytes())
        if is_prefix(name):
            count = self._store.delete_prefix(*split_prefix(name, any_session=True))
        else:
            split_key(name)
            count = self._store.delete(name)
        self._counters.add(deletes=count)
        return [b"OK"]

    @_answering
    def list_actions(self, context: Any) -> list[tuple[str, str]]:
        """Name the one action."""
        return [(_DELETE, "Delete a key, a prefix <application>/<session>, or <application>/*")]

    @_answering
    def get_flight_info(self, context: Any, descriptor: Any) -> Any:
        """Say where an object is to be had, whether or not it exists."""
        if descriptor.descriptor_type != flight.DescriptorType.PATH:
            raise ValueError("name the object by a path")
        key = "/".join(_text(part) for part in descriptor.path)
        if is_prefix(key):
            split_prefix(key)
        else:
            split_key(key)
        contents = self._store.peek(key)
        table = contents.base if contents is not None and isinstance(contents.base, Table) else None
        schema = pa.schema([]) if table is None else table.versioned_schema
        return self._info(key, schema, descriptor, -1)

    @_answering
    def get_schema(self, context: Any, descriptor: Any) -> Any:
        """Return the schema of answers."""
        return flight.SchemaResult(RESPONSE)

    @_answering
    def list_flights(self, context: Any, criteria: bytes) -> Iterator[Any]:
        """List all objects with their sizes."""
        empty = pa.schema([])
        return (
            self._info(key, empty, flight.FlightDescriptor.for_path(key), size) for key, size in self._store.sizes()
        )

    @_answering
    def do_exchange(self, context: Any, descriptor: Any, reader: Any, writer: Any) -> None:
        """Refuse: the cache has no exchanges."""
        raise NotImplementedError("the cache has no exchanges")

    def _info(self, key: str, schema: Any, descriptor: Any, size: int) -> Any:
        endpoint = flight.FlightEndpoint(key.encode(), [self.advertised])
        return flight.FlightInfo(schema, descriptor, [endpoint], -1, size)


class TokenCheck(flight.ServerMiddlewareFactory):  # type: ignore[misc]
    """Lets calls with the token through, and tells the others nothing.

    Args:
        token: What ``authorization: Bearer ...`` has to be.
        counters: What to count refusals in.
    """

    def __init__(self, token: str, counters: CacheCounters) -> None:
        super().__init__()
        self._wanted = f"Bearer {token}".encode()
        self._counters = counters

    def start_call(self, info: Any, headers: Any) -> None:
        """Look at a call before it is read."""
        given = [
            _bytes(value) for name, values in headers.items() if name.lower() == "authorization" for value in values
        ]
        if len(given) != 1 or not hmac.compare_digest(given[0], self._wanted):
            self._counters.add(refused=1)
            raise flight.FlightUnauthenticatedError("no valid token")


def _bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else bytes(value)


def _batches(reader: Any) -> Iterator[Any]:
    while True:
        try:
            chunk = reader.read_chunk()
        except StopIteration:
            return
        if chunk.data is not None:
            yield chunk.data


def _text(data: bytes) -> str:
    try:
        return bytes(data).decode()
    except UnicodeDecodeError:
        raise ValueError("a key is UTF-8 text") from None


def _parse_ticket(ticket: str) -> tuple[str, int]:
    """``<key>`` or ``<key>:<version>``."""
    key, colon, version = ticket.rpartition(":")
    if not colon:
        key, version = ticket, "0"
    if not (version.isascii() and version.isdigit() and len(version) <= 20):
        raise ValueError("a ticket is <key>:<version>, the version a number")
    split_key(key)
    return key, int(version)
