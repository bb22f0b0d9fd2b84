"""A client of Flame's object cache, which is an Arrow Flight server.

pyarrow is imported with the first call.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

from flamepy.errors import EngineError, EngineUnavailable
from flamepy.wire import rows
from flamepy.wire.bson import decode_document
from flamepy.wire.objects import ObjectRef, flight_location, is_prefix, split_key, split_prefix
from flamepy.wire.rows import CHUNK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from flamepy.wire.rows import Buffer, Fetched

    Progress = Callable[[int, int], None]

_PAUSES_S = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)


class CacheClient:
    """Puts, gets and deletes objects in one cache; may be used by many threads at once.

    Every method raises `flamepy.EngineUnavailable` if the cache does not answer within ten seconds, and
    `flamepy.EngineError` if it refuses; its ``status`` is ``NOT_FOUND``, ``INVALID_ARGUMENT``, ``UNAUTHENTICATED`` or
    ``INTERNAL``. Malformed keys raise ValueError.

    Args:
        endpoint: ``grpc://host:port``, or ``grpcs://host:port`` for TLS; ``http(s)://`` is understood as that.
        token: Sent as a bearer token.
        ca_file: Certificates that the server's own is checked against; None for the system's.
        timeout: Seconds that a call may take.

    Example:
        >>> client = CacheClient("grpc://127.0.0.1:9090")  # doctest: +SKIP
        >>> ref = client.put("app/shared", b"value")  # doctest: +SKIP
        >>> bytes(client.read(ref))  # doctest: +SKIP
        b'value'
    """

    def __init__(
        self, endpoint: str, *, token: str | None = None, ca_file: Path | None = None, timeout: float = 300.0
    ) -> None:
        self.endpoint = flight_location(endpoint)
        self._token = token
        self._ca_file = ca_file
        self._timeout = timeout
        self._lock = threading.Lock()
        self._connection: Any = None
        self._others: dict[str, CacheClient] = {}

    # ---- objects

    def put(self, name: str, *buffers: Buffer) -> ObjectRef:
        """Store an object; an object of that key is replaced.

        Args:
            name: Its key, or a prefix, to which the cache adds a unique name.
            buffers: Its bytes, joined by the cache, so that nothing is copied here.

        Raises:
            flamepy.EngineError: The cache refuses.
        """
        _check_name(name)
        return self._put(_path(name), rows.of_buffers(buffers or (b"",)))

    def put_table(self, name: str, table: Any, logical_type: str = "pyarrow.table") -> ObjectRef:
        """Store an Arrow table as one, with all its metadata.

        Args:
            name: Its key, or a prefix.
            table: A `pyarrow.Table`.
            logical_type: What it was made from: ``pandas.dataframe``, for example.

        Raises:
            flamepy.EngineError: The cache refuses.
        """
        _check_name(name)
        table = rows.marked_table(table, logical_type)
        return self._put(_path(name), table.to_batches(), table.schema)

    def patch(self, key: str, *buffers: Buffer) -> ObjectRef:
        """Append to an object.

        Raises:
            flamepy.EngineError: There is no such object, or it has too many patches.
        """
        from pyarrow import flight

        split_key(key)
        return self._put(flight.FlightDescriptor.for_command(f"PATCH:{key}".encode()), rows.of_buffers(buffers))

    def get(self, name: ObjectRef | str, *, have: int = 0) -> Fetched | None:
        """Fetch an object.

        Args:
            name: Its reference or key. A reference of another cache is fetched from there.
            have: The version that the caller has; 0 for none.

        Returns:
            None if the caller has the current version.

        Raises:
            flamepy.EngineError: There is no such object.
        """
        if not isinstance(name, ObjectRef):
            return self._get(name, have)
        try:
            return self._get(name.key, have)
        except EngineError as error:
            if getattr(error, "status", None) != "NOT_FOUND" or self._is_own(name.endpoint):
                raise
        return self._other(name.endpoint)._get(name.key, have)

    def read(self, name: ObjectRef | str) -> memoryview:
        """Fetch an object's bytes, without its patches.

        Raises:
            flamepy.EngineError: There is no such object, or it is a table.
        """
        fetched = self.get(name)
        if fetched is None or fetched.data is None:
            raise EngineError(f"object {_key_of(name)} is a table, not bytes: use get()", status="INVALID_ARGUMENT")
        return fetched.data

    def delete(self, name: str) -> None:
        """Delete an object, those of ``<application>/<session>``, or all of ``<application>/*``, if there are any."""
        from pyarrow import flight

        if is_prefix(name):
            split_prefix(name, any_session=True)
        else:
            split_key(name)
        with self._errors("delete", name):
            list(
                self._patiently(lambda it: list(it.do_action(flight.Action("DELETE", name.encode()), self._options())))
            )

    def sizes(self) -> list[tuple[str, int]]:
        """Return the keys of all objects with their bytes."""
        with self._errors("list", "objects"):
            found = self._patiently(lambda it: list(it.list_flights(options=self._options())))
        return [(info.endpoints[0].ticket.ticket.decode(), info.total_bytes) for info in found if info.endpoints]

    # ---- files

    def upload(self, name: str, stream: BinaryIO, size: int, *, progress: Progress | None = None) -> ObjectRef:
        """Store a file's bytes, a megabyte at a time.

        Args:
            name: Its key, or a prefix.
            stream: The file, at its beginning.
            size: Its bytes.
            progress: Called with the bytes sent so far and their total.

        Raises:
            flamepy.EngineError: The cache refuses.
        """
        _check_name(name)
        return self._put(_path(name), rows.of_buffers(rows.chunks(stream, size, progress)), attempts=1)

    def download(self, name: ObjectRef | str, target: BinaryIO, *, progress: Progress | None = None) -> int:
        """Write an object's bytes into a file.

        Returns:
            How many.

        Raises:
            flamepy.EngineError: There is no such object.
        """
        data = self.read(name)
        for at in range(0, len(data), CHUNK):
            target.write(data[at : at + CHUNK])
            if progress is not None:
                progress(min(at + CHUNK, len(data)), len(data))
        return len(data)

    def close(self) -> None:
        """Hang up; a later call connects again."""
        with self._lock:
            connection, self._connection = self._connection, None
            others, self._others = self._others, {}
        if connection is not None:
            connection.close()
        for other in others.values():
            other.close()

    # ---- calls

    def _put(
        self, descriptor: Any, batches: Iterable[Any], schema: Any = None, attempts: int | None = None
    ) -> ObjectRef:
        from pyarrow import flight

        def send(connection: Any) -> bytes:
            writer, reader = connection.do_put(descriptor, schema or rows.blob_schema(), self._options())
            with writer:
                try:
                    for batch in batches:
                        writer.write_batch(batch)
                    writer.done_writing()
                    answer = reader.read()
                except flight.FlightError:
                    writer.close()  # tells what the server said, rather than that the stream is closed
                    raise
            return b"" if answer is None else answer.to_pybytes()

        if attempts is None:
            batches = list(batches)
        with self._errors("store", _described(descriptor)):
            fields = decode_document(self._patiently(send, attempts))
        return ObjectRef(str(fields["endpoint"]), str(fields["key"]), int(fields["version"]))

    def _get(self, key: str, have: int) -> Fetched | None:
        from pyarrow import flight

        split_key(key)
        ticket = flight.Ticket(f"{key}:{have}".encode())

        def receive(connection: Any) -> tuple[Any, list[Any]]:
            reader = connection.do_get(ticket, self._options())
            return reader.schema, [chunk.data for chunk in reader]

        with self._errors("fetch", key):
            schema, batches = self._patiently(receive)
            return rows.fetched(schema, batches, have)

    def _patiently(self, call: Callable[[Any], Any], attempts: int | None = None) -> Any:
        """Make a call, again and again while nobody answers: servers get restarted."""
        from pyarrow import flight

        for pause in _PAUSES_S[: None if attempts is None else attempts - 1]:
            try:
                return call(self._connected())
            except flight.FlightUnavailableError:
                threading.Event().wait(pause)
        return call(self._connected())

    def _connected(self) -> Any:
        with self._lock:
            if self._connection is None:
                from pyarrow import flight

                roots = {} if self._ca_file is None else {"tls_root_certs": self._ca_file.read_bytes()}
                self._connection = flight.FlightClient(self.endpoint, **roots)
            return self._connection

    def _options(self) -> Any:
        from pyarrow import flight

        headers = [(b"authorization", f"Bearer {self._token}".encode())] if self._token else []
        return flight.FlightCallOptions(timeout=self._timeout, headers=headers)

    def _is_own(self, endpoint: str) -> bool:
        return flight_location(endpoint) == self.endpoint

    def _other(self, endpoint: str) -> CacheClient:
        """A client of another cache of the cluster; the token is not for it."""
        with self._lock:
            if endpoint not in self._others:
                self._others[endpoint] = CacheClient(endpoint, ca_file=self._ca_file, timeout=self._timeout)
            return self._others[endpoint]

    @contextmanager
    def _errors(self, what: str, name: str) -> Iterator[None]:
        """Say in our words what Arrow raises."""
        import pyarrow as pa
        from pyarrow import flight

        try:
            yield
        except (flight.FlightUnavailableError, flight.FlightTimedOutError) as error:
            raise EngineUnavailable(
                f"cannot {what} {name}: the object cache at {self.endpoint} does not answer: {_reason(error)}. "
                "Is it running, and does the context's cache endpoint name it?",
                status="UNAVAILABLE",
            ) from error
        except (pa.ArrowException, OSError) as error:
            status = _status(error)
            raise EngineError(
                f"cannot {what} {name}: the object cache at {self.endpoint} says: {_reason(error)}", status=status
            ) from error


def _path(name: str) -> Any:
    from pyarrow import flight

    return flight.FlightDescriptor.for_path(name)


def _described(descriptor: Any) -> str:
    return str((descriptor.path[0] if descriptor.path else descriptor.command).decode())


def _check_name(name: str) -> None:
    if is_prefix(name):
        split_prefix(name)
    else:
        split_key(name)


def _key_of(name: ObjectRef | str) -> str:
    return name.key if isinstance(name, ObjectRef) else name


def _status(error: BaseException) -> str:
    import pyarrow as pa
    from pyarrow import flight

    known = (
        (pa.lib.ArrowKeyError, "NOT_FOUND"),
        (pa.ArrowInvalid, "INVALID_ARGUMENT"),
        (flight.FlightUnauthenticatedError, "UNAUTHENTICATED"),
    )
    return next((status for kind, status in known if isinstance(error, kind)), "INTERNAL")


def _reason(error: BaseException) -> str:
    return str(error).partition(". Detail:")[0].partition(". gRPC client debug")[0]
