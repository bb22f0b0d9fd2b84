"""flamepy as it travels to nodes that do not have the client's; see `guest`."""

from __future__ import annotations

import io
import zipfile
from functools import lru_cache

from flamepy.engines.ray.guest import fingerprint, sources

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LEFT_OUT = (
    "cli",
    "dashboard",
    "engines/flame",
    "engines/local",
    "server",
    "testing",
    "upstream",
    "wire/proto",
)
"""Folders of flamepy that no executor imports."""


@lru_cache(maxsize=1)
def digest() -> str:
    """The `fingerprint` of our own."""
    return fingerprint(LEFT_OUT)


@lru_cache(maxsize=1)
def archive() -> bytes:
    """A zip archive of it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
        for inside, path in sources(LEFT_OUT):
            packed.write(path, inside)
    return out.getvalue()


def luggage(ray: Any) -> tuple[str, tuple[str, ...], list[Any]]:
    """What `guest.bring` takes."""
    return digest(), LEFT_OUT, [ray.put(archive())]
