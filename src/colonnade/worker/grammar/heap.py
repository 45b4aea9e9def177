"""How much memory the allocator of the C library has given out."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class _Mallinfo2(ctypes.Structure):
    """glibc's ``struct mallinfo2``."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    )


def bytes_in_use() -> int | None:
    """Bytes that ``malloc`` has given out and not got back, in all threads; None where the C
    library does not tell. Takes microseconds."""
    ask = _mallinfo2()
    if ask is None:
        return None
    found = ask()
    return int(found.uordblks + found.hblkhd)


def give_back() -> None:
    """Have the C library give free memory back to the system, also such as lies between what is in
    use. Takes some milliseconds, in which other threads may have to wait for memory."""
    library = ctypes.CDLL(None)
    if hasattr(library, "malloc_trim"):
        library.malloc_trim(0)


@cache
def _mallinfo2() -> Callable[[], Any] | None:
    """That of glibc, which has it from version 2.33 on."""
    library = ctypes.CDLL(None)
    if not hasattr(library, "mallinfo2"):
        return None
    library.mallinfo2.restype = _Mallinfo2
    return library.mallinfo2
