"""JPEG (ITU-T T.81), as far as stb_image reads it: baseline and progressive, 8 bits."""

from __future__ import annotations

from colonnade.media.errors import MediaError
from colonnade.media.reading import broken, cut_off, number, numbers
from colonnade.media.shape import Picture

_SCAN, _END = b"\xff\xda", b"\xff\xd9"
_READ = {0xC0: "baseline", 0xC1: "extended", 0xC2: "progressive"}
_OTHERS = {0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
"""Frames that are lossless, differential or arithmetic coded."""
_MOST_SEGMENTS = 2000
_MOST_SCANS = {"progressive": 64}
_MOST_BASELINE_SCANS = 4
"""One for each component. A scan costs as much as the whole picture, however few bytes it has."""
_STEP = 1 << 20


def jpeg_shape(data: bytes) -> Picture:
    """The shape of a picture whose end is there.

    Raises:
        MediaError: it is cut off, broken, or of a kind that is not decoded.
    """
    marker, place = _frame(data)
    length, depth, height, width, parts = numbers(">HBHHB", data, place)
    if length != 8 + 3 * parts or parts not in (1, 3, 4):
        raise broken("the header of its frame makes no sense")
    if depth != 8:
        raise MediaError(f"is a JPEG of {depth} bits a sample, and only 8 are decoded")
    if not height:
        raise MediaError("is a JPEG whose header does not say how high it is")
    _check_scans(data, place + length, _READ[marker])
    return Picture("JPEG", width, height)


def _frame(data: bytes) -> tuple[int, int]:
    """The marker of the frame, and where its segment begins."""
    place = 2
    for _ in range(_MOST_SEGMENTS):
        place = _marker_behind(data, place)
        marker = data[place]
        place += 1
        if marker in _READ:
            return marker, place
        if marker in _OTHERS:
            raise MediaError("is a JPEG of a kind that is not decoded (lossless or arithmetic)")
        if marker in (0x00, 0xD8, 0xD9, 0xDA):
            raise broken("it has no frame before its data")
        length = number(">H", data, place)
        if length < 2:
            raise broken("a segment has no length")
        place += length
    raise MediaError(f"has more than {_MOST_SEGMENTS:,} segments before its frame")


def _marker_behind(data: bytes, place: int) -> int:
    """Where the byte is that names the next marker: behind one or more 0xFF."""
    place = data.find(b"\xff", place)
    while 0 <= place < len(data) and data[place] == 0xFF:
        place += 1
    if not 0 <= place < len(data):
        raise cut_off()
    return place


def _check_scans(data: bytes, place: int, kind: str) -> None:
    """See that there are not too many scans, and an end behind them."""
    most = _MOST_SCANS.get(kind, _MOST_BASELINE_SCANS)
    found = 0
    for start in range(place, len(data), _STEP):
        found += data.count(_SCAN, start, start + _STEP + 1)
        if found > most:
            raise MediaError(f"has more than {most} scans, which no {kind} JPEG needs")
    if not found or data.rfind(_END, place) < data.rfind(_SCAN, place):
        raise cut_off()
