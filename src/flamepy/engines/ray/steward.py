"""The actor that looks after one node for one client: how executors ended there, their results, their folders.

It is small (0 CPUs), outlives the executors, and ends with the client's job.
"""

from __future__ import annotations

import os

from flamepy.engines.ray import folders
from flamepy.engines.ray.box import Box
from flamepy.serialization.mapping import map_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pickle import PickleBuffer


class Steward:
    """One node, as one client uses it.

    Args:
        client: Name of the client's folders.
    """

    def __init__(self, client: str) -> None:
        self._client = client
        folders.enter(client)

    def autopsy(self, name: str) -> tuple[int | None, int | None, str]:
        """How an executor ended; see `Box.autopsy`."""
        return Box(folders.memory_folder(self._client), name).autopsy()

    def take(self, name: str, capacity: int, lengths: tuple[int, ...]) -> tuple[list[PickleBuffer], None]:
        """Turn what an executor wrote for a result into a Ray object, which belongs to the caller.

        Returns:
            The object, and one that says that it is there.
        """
        from pickle import PickleBuffer

        from flamepy.serialization.segments import offsets_of

        path = f"{folders.memory_folder(self._client)}/{name}"
        file = os.open(path if os.path.exists(path) else f"{self._spill()}/{name}", os.O_RDWR | os.O_CLOEXEC)
        try:
            view = memoryview(map_file(file, capacity)).cast("B")
        finally:
            os.close(file)
        return [PickleBuffer(view[o : o + n]) for o, n in zip(offsets_of(lengths), lengths, strict=True)], None

    def clear(self, name: str) -> None:
        """An executor is gone: remove its results, which were taken by now, and what is known of it."""
        Box(folders.memory_folder(self._client), name).remove()
        for folder in (folders.memory_folder(self._client), self._spill()):
            for entry in os.listdir(folder) if os.path.isdir(folder) else ():
                if entry.startswith(f"{name}-"):
                    os.unlink(f"{folder}/{entry}")

    def _spill(self) -> str:
        return f"{folders.work_folder(self._client)}/.spill"

    def forget(self, package: str) -> None:
        """Remove an unpacked package."""
        import shutil

        shutil.rmtree(f"{folders.work_folder(self._client)}/{package}", ignore_errors=True)

    def leave(self) -> None:
        """The client ends."""
        folders.leave(self._client)
