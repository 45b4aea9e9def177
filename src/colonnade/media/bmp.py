"""BMP, as far as stb_image reads it: uncompressed, and with masks for the colours."""

from __future__ import annotations

from colonnade.media.errors import MediaError
from colonnade.media.reading import broken, cut_off, number, numbers
from colonnade.media.shape import Picture

_OLD = 12
_HEADS = (_OLD, 40, 56, 108, 124)
_DEPTHS = (1, 4, 8, 16, 24, 32)
_PLAIN, _MASKS = 0, 3


def bmp_shape(data: bytes) -> Picture:
    """The shape of a picture whose pixels are all there.

    Raises:
        MediaError: it is cut off, broken or compressed.
    """
    offset, head = numbers("<II", data, 10)
    if head not in _HEADS:
        raise broken("its header has an unknown length")
    if head == _OLD:
        width, height, planes, depth = numbers("<HHHH", data, 18)
        packing = _PLAIN
    else:
        width, height, planes, depth, packing = numbers("<iiHHI", data, 18)
    height = abs(height)  # negative: the first row is the upper one
    if width <= 0 or planes != 1 or depth not in _DEPTHS or offset < 14 + head:
        raise broken("its header makes no sense")
    if packing not in (_PLAIN, _MASKS):
        raise MediaError("is a compressed BMP, which is not decoded")
    if offset + (width * depth + 31) // 32 * 4 * height > len(data):
        raise cut_off()
    number("B", data, 13 + head)
    return Picture("BMP", width, height)
