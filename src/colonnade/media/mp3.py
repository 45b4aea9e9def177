"""MP3 (MPEG-1, 2 and 2.5, layer III)."""

from __future__ import annotations

from colonnade.media.errors import MediaError
from colonnade.media.reading import broken, numbers
from colonnade.media.shape import Sound

_HEAD = 4
_TAG = 10
_MOST_TAGS = 16
_SPARE = 1 << 16
"""Bytes that may stand behind the last frame: tags, padding."""
_LAYER_3 = 1
_MPEG_1, _MPEG_2, _MPEG_25 = 3, 2, 0
_RATES = {
    _MPEG_1: (44100, 48000, 32000),
    _MPEG_2: (22050, 24000, 16000),
    _MPEG_25: (11025, 12000, 8000),
}
_KBITS_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBITS_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)


def mp3_shape(data: bytes, most_seconds: float) -> Sound:
    """How long a sound is, one frame behind the other. No more is looked at than ``most_seconds``.

    Raises:
        MediaError: it has no frames, they do not follow each other, or there are more.
    """
    place = _behind_tags(data)
    seconds, frames = 0.0, 0
    while place + _HEAD <= len(data):
        found = _frame(data, place)
        if found is None:
            break
        length, lasting = found
        place += length
        frames += 1
        seconds += lasting
        if seconds > most_seconds:
            raise MediaError(f"lasts longer than {most_seconds / 60:g} minutes")
    if not frames:
        raise broken("there is no frame of MPEG layer III in it")
    if len(data) - place > _SPARE:
        raise broken(f"no frame follows the first {frames:,}")
    return Sound("MP3", seconds)


def _behind_tags(data: bytes) -> int:
    """Where the frames begin, behind tags of ID3v2."""
    place = 0
    for _ in range(_MOST_TAGS):
        if data[place : place + 3] != b"ID3":
            break
        flags, *size = numbers(">BBBBB", data, place + 5)
        place += _TAG + sum(part << 7 * (3 - index) for index, part in enumerate(size))
        place += _TAG if flags & 0x10 else 0
    while data[place : place + 1] == b"\x00" and place < len(data) and place < _SPARE:
        place += 1
    return place


def _frame(data: bytes, place: int) -> tuple[int, float] | None:
    """The bytes and the seconds of a frame; None for what is none."""
    head = int.from_bytes(data[place : place + _HEAD], "big")
    version, layer = head >> 19 & 3, head >> 17 & 3
    bits, rate = head >> 12 & 15, head >> 10 & 3
    if head >> 21 != 0x7FF or version not in _RATES or layer != _LAYER_3:
        return None
    if bits in (0, 15) or rate == 3:
        return None
    samples = 1152 if version == _MPEG_1 else 576
    kbits = (_KBITS_1 if version == _MPEG_1 else _KBITS_2)[bits]
    hertz = _RATES[version][rate]
    return samples // 8 * kbits * 1000 // hertz + (head >> 9 & 1), samples / hertz
