"""PNG (W3C's recommendation, third edition)."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, NamedTuple

from colonnade.media.errors import MediaError
from colonnade.media.reading import broken, cut_off, number, numbers
from colonnade.media.shape import Picture

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    Buffer = bytes | memoryview

_START = 8
_HEAD = 13
_MOST_CHUNKS = 20_000
"""Of usual encoders one holds 8 KiB or more."""
_STEP = 1 << 20
"""Bytes that are unpacked at a time."""
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""By type of colour: grey, RGB, palette, grey and alpha, RGB and alpha."""
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_PASSES = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
"""Adam7's: the first column and row, and the steps to the next ones."""


class _Chunk(NamedTuple):
    name: bytes
    start: int
    length: int


def png_shape(data: bytes) -> Picture:
    """The shape of a picture, of whose chunks the last one is there.

    Raises:
        MediaError: it is cut off or broken.
    """
    head, *_ = _chunks(data)
    width, height, depth, colour, packing, filtering, lacing = numbers(">IIBBBBB", data, head.start)
    if depth not in _DEPTHS.get(colour, ()) or packing or filtering or lacing > 1:
        raise broken("its header makes no sense")
    bits = depth * _CHANNELS[colour]
    return Picture("PNG", width, height, _raw_size(width, height, bits, laced=lacing == 1))


def check_pixels(data: bytes, raw: int) -> None:
    """Unpack the pixels, and keep none: there are as many bytes of them as there must be.

    A decoder unpacks all that there is before it looks, and that may be a thousand times the file.
    Takes some milliseconds for a megabyte of ``raw``, nearly all of it without the interpreter's
    lock.

    Raises:
        MediaError: there are more, or fewer, or they are packed in no way.
    """
    decoder = zlib.decompressobj()
    size = 0
    try:
        for part in _parts(data, _chunks(data)):
            size += sum(_unpacked(decoder, part, raw - size))
    except zlib.error as error:
        raise broken(f"its pixels cannot be unpacked ({error})") from error
    if size < raw or not decoder.eof:
        raise cut_off()


def _unpacked(decoder: zlib._Decompress, part: Buffer, most: int) -> Iterator[int]:
    """The sizes of the pieces that a part unpacks to."""
    rest: Buffer = part
    while not decoder.eof and (size := len(decoder.decompress(rest, _STEP))):
        rest = decoder.unconsumed_tail
        most -= size
        if most < 0:
            raise broken("it holds more pixels than its header says")
        yield size


def _parts(data: bytes, chunks: Sequence[_Chunk]) -> Iterator[Buffer]:
    """The packed pixels, and nothing at the end, to have what is left in the decoder."""
    view = memoryview(data)
    for chunk in chunks:
        if chunk.name == b"IDAT":
            for start in range(chunk.start, chunk.start + chunk.length, _STEP):
                yield view[start : min(start + _STEP, chunk.start + chunk.length)]
    yield b""


def _chunks(data: bytes) -> list[_Chunk]:
    """All chunks up to the end of the picture."""
    found: list[_Chunk] = []
    place = _START
    while not found or found[-1].name != b"IEND":
        length, name = numbers(">I4s", data, place)
        if not found and (name != b"IHDR" or length != _HEAD):
            raise broken("it does not begin with a header")
        if len(found) == _MOST_CHUNKS:
            raise MediaError(f"has more than {_MOST_CHUNKS:,} chunks")
        number(">I", data, place + 8 + length)  # the sum behind it is there
        found.append(_Chunk(name, place + 8, length))
        place += 12 + length
    return found


def _raw_size(width: int, height: int, bits: int, *, laced: bool) -> int:
    """Bytes of all rows, each behind the one that names its filter."""
    if not laced:
        return ((width * bits + 7) // 8 + 1) * height
    size = 0
    for left, top, across, down in _PASSES:
        columns = (width - left + across - 1) // across
        rows = (height - top + down - 1) // down
        if columns > 0 and rows > 0:
            size += ((columns * bits + 7) // 8 + 1) * rows
    return size
