"""FLAC (RFC 9639)."""

from __future__ import annotations

from colonnade.media.errors import MediaError
from colonnade.media.reading import broken, cut_off, numbers
from colonnade.media.shape import Sound

_INFO = 34
_LAST = 0x80
_MOST_BLOCKS = 1000
_LEAST_RATE = 1000
_FRAME_SYNC = (0xFFF8, 0xFFF9)


def flac_shape(data: bytes) -> Sound:
    """How long a sound is, by its header, behind which its first frame stands.

    Raises:
        MediaError: it is cut off or broken, or does not say how long it is.
    """
    kind, upper, length = numbers(">BBH", data, 4)
    if kind & ~_LAST or upper or length != _INFO:
        raise broken("it does not begin with a header")
    (packed,) = numbers(">Q", data, 8 + 10)
    rate, samples = packed >> 44, packed & (1 << 36) - 1
    if rate < _LEAST_RATE:
        raise broken("its header makes no sense")
    if not samples:
        raise MediaError("is a FLAC that does not say how long it is, as streams do")
    _check_frame(data)
    return Sound("FLAC", samples / rate)


def _check_frame(data: bytes) -> None:
    """See that a frame stands behind the blocks of metadata."""
    place = 4
    for _ in range(_MOST_BLOCKS):
        kind, upper, lower = numbers(">BBH", data, place)
        place += 4 + (upper << 16 | lower)
        if kind & _LAST:
            break
    else:
        raise MediaError(f"has more than {_MOST_BLOCKS:,} blocks of metadata")
    if place + 2 > len(data):
        raise cut_off()
    (sync,) = numbers(">H", data, place)
    if sync not in _FRAME_SYNC:
        raise broken("there is no frame behind its metadata")
