"""Files in memory without a descriptor for each: a program may hold more objects than it may open files.

Before Python 3.13 every `mmap.mmap` keeps a copy of its descriptor as long as it lives, and the usual limit is 1024.
"""

from __future__ import annotations

import mmap
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_FLAGS = mmap.MAP_SHARED | getattr(mmap, "MAP_POPULATE", 0)

if sys.version_info >= (3, 13):

    def map_file(descriptor: int, size: int) -> Any:
        """Map ``size`` bytes of an open file, for reading and writing; the result exports them as a buffer.

        Raises:
            OSError: The system refuses.
        """
        return mmap.mmap(descriptor, size, flags=_FLAGS, trackfd=False)

else:

    class _Unmap:
        """Ends a mapping with its own life."""

        __slots__ = ("_address", "_munmap", "_size")

        def __init__(self, munmap: Any, address: int, size: int) -> None:
            self._munmap, self._address, self._size = munmap, address, size

        def __del__(self) -> None:
            self._munmap(self._address, self._size)

    _library: Any = None

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

    def map_file(descriptor: int, size: int) -> Any:
        """Map ``size`` bytes of an open file, for reading and writing; the result exports them as a buffer.

        Raises:
            OSError: The system refuses.
        """
        import ctypes
        import os

        library = _calls()
        address = library.mmap(None, size, mmap.PROT_READ | mmap.PROT_WRITE, _FLAGS, descriptor, 0)
        if address == ctypes.c_void_p(-1).value:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        whole = (ctypes.c_char * size).from_address(address)
        # The array owns nothing; whoever holds a view of it holds this, too.
        whole.mapping = _Unmap(library.munmap, address, size)  # type: ignore[attr-defined]
        return whole
