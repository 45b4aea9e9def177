"""GIF (CompuServe, 89a). Of an animation the first frame is what is decoded."""

from __future__ import annotations

from colonnade.media.errors import MediaError
from colonnade.media.reading import broken, cut_off, number, numbers
from colonnade.media.shape import Picture

_HEAD = 13
_MOST_BLOCKS = 20_000
"""Before the first frame, and in it: each has up to 255 bytes."""
_MOST_RASTER = 2 << 20
"""Bytes of a frame. Its decoder may take microseconds for each code, however few pixels it adds."""
_PALETTE, _EXTENSION, _FRAME = 0x80, 0x21, 0x2C


def gif_shape(data: bytes) -> Picture:
    """The shape of a picture whose first frame is there.

    Raises:
        MediaError: it is cut off or broken, or has no frame.
    """
    width, height, flags = numbers("<HHB", data, 6)
    place = _HEAD + _palette(flags)
    left = _MOST_BLOCKS
    while (kind := number("B", data, place)) == _EXTENSION:
        place, left, _ = _blocks(data, place + 2, left)
    if kind != _FRAME:
        raise broken("it has no frame")
    _check_frame(data, place, width, height, flags)
    return Picture("GIF", width, height)


def _check_frame(data: bytes, place: int, width: int, height: int, flags: int) -> None:
    left, top, across, down, own = numbers("<HHHHB", data, place + 1)
    if left + across > width or top + down > height or not across or not down:
        raise broken("its frame is not within the picture")
    if not (flags | own) & _PALETTE:
        raise broken("it has no colours")
    place += 10 + _palette(own)
    number("B", data, place)
    _, _, size = _blocks(data, place + 1, _MOST_BLOCKS)
    if not size:
        raise cut_off()
    if size > min(2 * across * down + 1024, _MOST_RASTER):
        raise MediaError("is a GIF of too many bytes for its frame; PNG holds such a picture")


def _blocks(data: bytes, place: int, most: int) -> tuple[int, int, int]:
    """Where the blocks from a place on end, how many of ``most`` are left, and their bytes."""
    size = 0
    while length := number("B", data, place):
        most -= 1
        if most < 0:
            raise MediaError(f"has more than {_MOST_BLOCKS:,} blocks")
        place += 1 + length
        size += length
    return place + 1, most, size


def _palette(flags: int) -> int:
    """Bytes of a palette, if the flags tell of one."""
    return 3 * (2 << (flags & 7)) if flags & _PALETTE else 0
