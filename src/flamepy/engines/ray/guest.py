"""The actor that hosts whatever is ours on a node. It travels by value: a node may have no flamepy, or another one.

If the node's own flamepy is the client's, file by file, it is used; else the client's comes along, once for each node
and version, into the per-user cache there. Only the standard library is imported here, and Ray's.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

PACKAGES = ("flamepy", "cloudpickle")
"""What executors import of ours."""


class Guest:
    """Hosts one object of a class that can be imported once flamepy is there.

    Args:
        sdk: See `bring`.
        place: Module and name of the class, ``flamepy.engines.ray.seat:Seat`` for example.
        args: What it is made of.
    """

    def __init__(self, sdk: tuple[str, tuple[str, ...], list[Any]], place: str, *args: Any) -> None:
        from importlib import import_module

        bring(*sdk)
        module, _, name = place.partition(":")
        self._hosted = getattr(import_module(module), name)(*args)

    def do(self, method: str, *args: Any) -> Any:
        """Call a method of it, on the thread that Ray has chosen: the main one, unless the actor has several."""
        return getattr(self._hosted, method)(*args)


def bring(digest: str, skipped: tuple[str, ...], archive: list[Any]) -> None:
    """See that ``import flamepy`` gives the client's.

    Args:
        digest: The client's `fingerprint`.
        skipped: Folders of flamepy that no executor imports.
        archive: A list of one Ray object with a zip archive of it, fetched only if it is needed.
    """
    if fingerprint(skipped) == digest:
        return
    folder = f"{_cache()}/{digest}"
    if not os.path.isdir(folder):
        _unpack(archive, folder)
    sys.path.insert(0, folder)
    for name in [name for name in sys.modules if name.partition(".")[0] == "flamepy"]:
        del sys.modules[name]


def fingerprint(skipped: Sequence[str]) -> str:
    """Digest of the files that executors import of ours, as they are installed here; empty if they are not."""
    import hashlib

    digest = hashlib.sha256()
    for inside, path in sources(skipped):
        try:
            with open(path, "rb") as file:
                content = file.read()
        except OSError:
            return ""
        digest.update(f"{inside}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def sources(skipped: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Those files, by their names in an archive, in order."""
    from importlib.util import find_spec

    for name in PACKAGES:
        spec = find_spec(name)
        root = os.path.dirname((spec and spec.origin) or "")
        for folder, folders, files in os.walk(root) if root else ():
            above = os.path.relpath(folder, root)
            folders[:] = sorted(each for each in folders if os.path.normpath(f"{above}/{each}") not in skipped)
            for file in sorted(files):
                if file.endswith(".py"):
                    yield os.path.normpath(f"{name}/{above}/{file}"), f"{folder}/{file}"


def _cache() -> str:
    """A folder that only this user writes to."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    folder = os.path.join(base if base.startswith("/") else os.path.expanduser("~/.cache"), "flamepy", "sdk")
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
    except OSError:  # a user without a home
        import tempfile

        folder = f"{tempfile.gettempdir()}/flamepy-{os.geteuid()}.sdk"
        os.makedirs(folder, mode=0o700, exist_ok=True)
        if os.lstat(folder).st_uid != os.geteuid():
            raise PermissionError(f"{folder} belongs to somebody else") from None
    return folder


def _unpack(archive: list[Any], folder: str) -> None:
    import io
    import shutil
    import zipfile

    import ray

    partial = f"{folder}.{os.getpid()}"
    with zipfile.ZipFile(io.BytesIO(ray.get(archive[0]))) as packed:
        packed.extractall(partial)
    try:
        os.rename(partial, folder)
    except OSError:  # another process was faster
        shutil.rmtree(partial, ignore_errors=True)
