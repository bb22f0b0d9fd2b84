"""What the cache holds, and who leaves memory when it gets full.

One lock guards the index and is held for moments only; writers of one key wait for each other on a lock of that key's
own (one of 64), under which files are written and read. Readers of what is in memory never wait for a writer.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, NamedTuple

from flamepy.server.objects.values import Blob, Contents, Value
from flamepy.wire.objects import ANY_SESSION, split_key

if TYPE_CHECKING:
    from flamepy.server.objects.counters import CacheCounters
    from flamepy.server.objects.disk import DiskStore

MAX_PATCHES = 1000
_LOCKS = 64
# How many versions of objects that are gone are remembered, so that their successors are not taken for them.
_REMEMBERED = 100_000


class _Listed(NamedTuple):
    """What is known of an object without looking at it; version 0 if it was not looked at since the start."""

    nbytes: int
    version: int = 0


class ObjectMissing(KeyError):
    """No object of that key."""

    def __str__(self) -> str:
        return str(self.args[0])


class ObjectStore:
    """Versioned objects by key.

    Args:
        counters: Where evictions and loads are counted.
        disk: Where objects are kept; None keeps them in memory alone.
        max_bytes: Bytes in memory; None for no limit.
        max_objects: Objects in memory; None for no limit.
    """

    def __init__(
        self,
        counters: CacheCounters,
        disk: DiskStore | None = None,
        *,
        max_bytes: int | None = None,
        max_objects: int | None = None,
    ) -> None:
        self._counters = counters
        self._disk = disk
        self._max_bytes = max_bytes
        self._max_objects = max_objects
        self._mutex = threading.Lock()
        self._locks = [threading.Lock() for _ in range(_LOCKS)]
        self._listed: dict[str, _Listed] = {}
        self._folders: dict[tuple[str, str], set[str]] = {}
        self._resident: OrderedDict[str, Contents] = OrderedDict()
        self._bytes = 0
        self._gone: OrderedDict[str, int] = OrderedDict()
        for found in disk.scan() if disk is not None else ():
            self._note(found.key, _Listed(found.nbytes))

    # ---- what clients ask for

    def put(self, key: str, value: Value) -> int:
        """Create or replace an object, without its patches.

        Returns:
            Its version: the last one and one more.

        Raises:
            ValueError: Without a disk, it is larger than the memory.
            OSError: The disk did not take it; what was there stays.
        """
        self._check_room(value.nbytes)
        with self._lock_of(key):
            current = self._contents(key)
            version = 1 + (current.version if current is not None else self._gone.get(key, 0))
            value = value._replace(version=version)
            if self._disk is not None:
                self._disk.write(key, value)
            self._keep(key, Contents(value))
        return version

    def patch(self, key: str, data: Any) -> int:
        """Append a patch.

        Args:
            key: The object's key.
            data: An Arrow buffer.

        Returns:
            The object's version: the last one and one more.

        Raises:
            ObjectMissing: There is no object to patch.
            ValueError: It has `MAX_PATCHES` already, or there is no room.
            OSError: The disk did not take it.
        """
        with self._lock_of(key):
            current = self._present(key, self._contents(key))
            if len(current.patches) >= MAX_PATCHES:
                raise ValueError(f"object {key} has {MAX_PATCHES} patches: put it anew to make them one")
            self._check_room(current.nbytes + data.size)
            patch = Blob(current.version + 1, data)
            if self._disk is not None:
                self._disk.write_patch(key, patch)
            self._keep(key, Contents(current.base, (*current.patches, patch)))
        return patch.version

    def get(self, key: str) -> Contents:
        """Return an object, from disk if need be.

        Raises:
            ObjectMissing: There is none.
        """
        contents = self._in_memory(key)
        if contents is None and self._disk is not None:
            with self._lock_of(key):
                contents = self._contents(key)
        return self._present(key, contents)

    def peek(self, key: str) -> Contents | None:
        """Return an object if it is there; None if it is not, or is on disk only."""
        with self._mutex:
            return self._resident.get(key)

    def delete(self, key: str, *, version: int | None = None) -> int:
        """Delete one object.

        Args:
            key: The object's key.
            version: Only if it is this one.

        Returns:
            How many there were: 0 or 1.
        """
        with self._lock_of(key):
            current = self._contents(key) if version is not None else None
            if version is not None and (current is None or current.version != version):
                return 0
            known = self._forget(key)
            if known and self._disk is not None:
                self._disk.delete(key)
        return int(known)

    def delete_prefix(self, app: str, session: str) -> int:
        """Delete a session's objects, or with ``*`` those of all sessions.

        Returns:
            How many there were.
        """
        with self._mutex:
            folders = [each for each in self._folders if each[0] == app and session in (each[1], ANY_SESSION)]
            keys = [key for folder in folders for key in self._folders[folder]]
        return sum(self.delete(key) for key in keys)

    def version(self, key: str) -> int:
        """Return an object's version, 0 if there is none."""
        with self._lock_of(key):
            contents = self._contents(key)
        return contents.version if contents is not None else 0

    # ---- what monitors ask for

    def sizes(self) -> list[tuple[str, int]]:
        """Return all keys with their bytes."""
        with self._mutex:
            return [(key, listed.nbytes) for key, listed in self._listed.items()]

    def totals(self) -> dict[str, int]:
        """Return ``objects``, ``bytes``, and of these what is in memory: ``resident_objects``, ``resident_bytes``."""
        with self._mutex:
            return {
                "objects": len(self._listed),
                "bytes": sum(listed.nbytes for listed in self._listed.values()),
                "resident_objects": len(self._resident),
                "resident_bytes": self._bytes,
            }

    # ---- under a key's lock

    def _lock_of(self, key: str) -> threading.Lock:
        return self._locks[hash(key) % _LOCKS]

    def _contents(self, key: str) -> Contents | None:
        contents = self._in_memory(key)
        if contents is not None or self._disk is None or key not in self._listed:
            return contents
        contents = self._disk.load(key)
        if contents is None:
            self._forget(key)
            return None
        self._counters.add(loads=1)
        self._keep(key, contents)
        return contents

    def _keep(self, key: str, contents: Contents) -> None:
        with self._mutex:
            self._gone.pop(key, None)
            self._note(key, _Listed(contents.nbytes, contents.version))
            self._drop(key)
            self._resident[key] = contents
            self._bytes += contents.nbytes
            evicted = self._evict(spared=key if self._disk is None else None)
        if evicted:
            self._counters.add(evictions=evicted)

    # ---- under the mutex, but for the first two

    def _in_memory(self, key: str) -> Contents | None:
        with self._mutex:
            contents = self._resident.get(key)
            if contents is not None:
                self._resident.move_to_end(key)
            return contents

    def _forget(self, key: str) -> bool:
        """Take an object off the list, but remember its version: a reader may still have it."""
        with self._mutex:
            self._drop(key)
            return self._unnote(key)

    def _note(self, key: str, listed: _Listed) -> None:
        self._listed[key] = listed
        app, session, _ = split_key(key)
        self._folders.setdefault((app, session), set()).add(key)

    def _unnote(self, key: str) -> bool:
        app, session, _ = split_key(key)
        folder = self._folders.get((app, session), set())
        folder.discard(key)
        if not folder:
            self._folders.pop((app, session), None)
        listed = self._listed.pop(key, None)
        if listed is not None and listed.version:
            self._gone[key] = listed.version
            if len(self._gone) > _REMEMBERED:
                self._gone.popitem(last=False)
        return listed is not None

    def _drop(self, key: str) -> None:
        contents = self._resident.pop(key, None)
        if contents is not None:
            self._bytes -= contents.nbytes

    def _evict(self, *, spared: str | None) -> int:
        """Drop those that were not used for longest until the rest fits."""
        count = 0
        while self._resident and self._is_full():
            key = next(iter(self._resident))
            if key == spared:
                break
            self._drop(key)
            count += 1
            if self._disk is None:
                self._unnote(key)
        return count

    def _is_full(self) -> bool:
        too_big = self._max_bytes is not None and self._bytes > self._max_bytes
        return too_big or (self._max_objects is not None and len(self._resident) > self._max_objects)

    # ---- checks

    def _check_room(self, nbytes: int) -> None:
        if self._disk is None and self._max_bytes is not None and nbytes > self._max_bytes:
            raise ValueError(
                f"an object of {nbytes} bytes does not fit in a cache of {self._max_bytes}: "
                "start the server with a larger one, or with a folder for its objects"
            )

    @staticmethod
    def _present(key: str, contents: Contents | None) -> Contents:
        if contents is None:
            raise ObjectMissing(f"no object {key}")
        return contents
