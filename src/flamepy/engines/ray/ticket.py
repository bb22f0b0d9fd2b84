"""What an executor's actor is told when it is made; pickled by Ray, so plain values only."""

from __future__ import annotations

from typing import Any, NamedTuple

TOKEN_BYTES = 32
"""Bytes of the secret that opens a stream to an executor."""

DATA, BELL, OUTPUT = b"D", b"B", b"O"
"""What a stream is for; sent behind the token."""


class Ticket(NamedTuple):
    """One executor.

    Attributes:
        client: Name of the client's folders.
        name: The executor's, unique among the client's.
        token: Who knows it may connect.
        package: Folder of the runner's package, unique among the client's.
        sha256: Of its archive.
        archive: A list of one Ray object with the archive's bytes, so that it is fetched only if it is needed.
        environment: ``uv`` if the node makes an environment for it.
    """

    client: str
    name: str
    token: bytes
    package: str
    sha256: str
    archive: list[Any]
    environment: str | None


class Address(NamedTuple):
    """Where an executor listens."""

    node: str
    host: str
    port: int
    pid: int
