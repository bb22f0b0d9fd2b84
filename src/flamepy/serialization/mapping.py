"""Files in memory without a descriptor for each: a program may hold more objects than it may open files.

Before Python 3.13 every `mmap.mmap` keeps a copy of its descriptor as long as it lives, and the usual limit is 1024.
Several files side by side as one buffer are beyond it in any version.
"""

from __future__ import annotations

import mmap
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

_ACCESS = mmap.PROT_READ | mmap.PROT_WRITE
_FLAGS = mmap.MAP_SHARED | getattr(mmap, "MAP_POPULATE", 0)
_NOTHING = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
_FIXED = 0x10  # MAP_FIXED, the same on all Linux machines but Alpha and PA-RISC

_library: Any = None


class _Unmap:
    """Ends a mapping with its own life."""

    __slots__ = ("_address", "_munmap", "_size")

    def __init__(self, munmap: Any, address: int, size: int) -> None:
        self._munmap, self._address, self._size = munmap, address, size

    def __del__(self) -> None:
        self._munmap(self._address, self._size)


def map_files(files: Sequence[tuple[int, int]]) -> Any:
    """Map open files one behind the other, for reading and writing; the result exports them as one buffer.

    Args:
        files: The descriptor and the bytes of each, whole pages but for the last one.

    Raises:
        OSError: The system refuses.
    """
    if len(files) == 1:
        return map_file(*files[0])
    import ctypes

    size = sum(each for _, each in files)
    address = _map(None, size, 0, _NOTHING, -1)
    unmap = _Unmap(_calls().munmap, address, size)
    offset = 0
    for descriptor, each in files:
        _map(address + offset, each, _ACCESS, _FLAGS | _FIXED, descriptor)
        offset += each
    whole = (ctypes.c_char * size).from_address(address)
    # The array owns nothing; whoever holds a view of it holds this, too.
    whole.mapping = unmap  # type: ignore[attr-defined]
    return whole


if sys.version_info >= (3, 13):

    def map_file(descriptor: int, size: int) -> Any:
        """Map ``size`` bytes of an open file, for reading and writing; the result exports them as a buffer.

        Raises:
            OSError: The system refuses.
        """
        return mmap.mmap(descriptor, size, flags=_FLAGS, trackfd=False)

else:

    def map_file(descriptor: int, size: int) -> Any:
        """Map ``size`` bytes of an open file, for reading and writing; the result exports them as a buffer.

        Raises:
            OSError: The system refuses.
        """
        import ctypes

        address = _map(None, size, _ACCESS, _FLAGS, descriptor)
        whole = (ctypes.c_char * size).from_address(address)
        whole.mapping = _Unmap(_calls().munmap, address, size)  # type: ignore[attr-defined]
        return whole


def _calls() -> Any:
    """The C library's mmap and munmap."""
    global _library  # ctypes is imported only when the first object is mapped
    if _library is None:
        import ctypes

        library = ctypes.CDLL(None, use_errno=True)
        library.mmap.restype = ctypes.c_void_p
        library.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_int64]
        library.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
        _library = library
    return _library


def _map(where: int | None, size: int, access: int, flags: int, descriptor: int) -> int:
    import ctypes
    import os

    address = _calls().mmap(where, size, access, flags, descriptor, 0)
    if address == ctypes.c_void_p(-1).value:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return int(address)
