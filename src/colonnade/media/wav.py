"""WAV (RIFF WAVE): PCM, floating point, A-law and mu-law."""

from __future__ import annotations

from colonnade.media.errors import MediaError
from colonnade.media.reading import broken, cut_off, numbers
from colonnade.media.shape import Sound

_MOST_CHUNKS = 1000
_MOST_CHANNELS = 8
_RATES = (1000, 768_000)
_PCM, _FLOAT, _ALAW, _MULAW, _EXTENSIBLE = 1, 3, 6, 7, 0xFFFE
_BITS = {_PCM: (8, 16, 24, 32), _FLOAT: (32, 64), _ALAW: (8,), _MULAW: (8,)}


def wav_shape(data: bytes) -> Sound:
    """How long a sound is whose samples are all there.

    Raises:
        MediaError: it is cut off, broken, or of a kind that is not decoded.
    """
    place, rate, block = 12, 0, 0
    for _ in range(_MOST_CHUNKS):
        name, length = numbers("<4sI", data, place)
        if name == b"fmt " and not block:
            rate, block = _form(data, place + 8, length)
        elif name == b"data":
            if not block:
                raise broken("its samples come before what they are")
            return _sound(data, place + 8, length, rate, block)
        place += 8 + length + length % 2
    raise MediaError(f"has more than {_MOST_CHUNKS:,} chunks before its samples")


def _sound(data: bytes, start: int, length: int, rate: int, block: int) -> Sound:
    if start + length > len(data):
        if length >= 0x7FFFFFFF:
            raise MediaError("is a WAV that does not say how long it is, as streams do")
        raise cut_off()
    if length < block:
        raise broken("it has no samples")
    return Sound("WAV", length / block / rate)


def _form(data: bytes, place: int, length: int) -> tuple[int, int]:
    """Samples a second, and the bytes of those of all channels."""
    if length < 16:
        raise broken("its header is too short")
    kind, channels, rate, _, block, bits = numbers("<HHIIHH", data, place)
    if kind == _EXTENSIBLE:
        if length < 40:
            raise broken("its header is too short")
        (kind,) = numbers("<H", data, place + 24)
    if kind not in _BITS:
        raise MediaError("is a WAV of a kind that is not decoded (only PCM, float, A-law, mu-law)")
    sane = bits in _BITS[kind] and block == channels * bits // 8
    if not sane or not 1 <= channels <= _MOST_CHANNELS or not _RATES[0] <= rate <= _RATES[1]:
        raise broken("its header makes no sense")
    return rate, block
