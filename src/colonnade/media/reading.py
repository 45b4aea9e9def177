"""Numbers out of bytes, at places that a file itself names."""

from __future__ import annotations

import struct
from typing import Any

from colonnade.media.errors import MediaError


def numbers(form: str, data: bytes, offset: int) -> tuple[Any, ...]:
    """The numbers at a place, in the notation of ``struct``.

    Raises:
        MediaError: the file ends before.
    """
    if offset < 0 or offset + struct.calcsize(form) > len(data):
        raise cut_off()
    return struct.unpack_from(form, data, offset)


def number(form: str, data: bytes, offset: int) -> int:
    """The one whole number at a place; otherwise as ``numbers``."""
    value: int = numbers(form, data, offset)[0]
    return value


def cut_off() -> MediaError:
    """The failure of a file that ends too early."""
    return MediaError("is cut off: it ends before its end")


def broken(what: str) -> MediaError:
    """The failure of a file that is not what its first bytes say."""
    return MediaError(f"is broken: {what}")
