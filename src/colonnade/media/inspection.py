"""Whether a file is a picture or a sound that may be decoded, by its header."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from colonnade.media.bmp import bmp_shape
from colonnade.media.errors import MediaError
from colonnade.media.flac import flac_shape
from colonnade.media.gif import gif_shape
from colonnade.media.jpeg import jpeg_shape
from colonnade.media.mp3 import mp3_shape
from colonnade.media.png import check_pixels, png_shape
from colonnade.media.shape import Picture, Sound
from colonnade.media.signatures import format_of
from colonnade.media.wav import wav_shape

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Shape = TypeVar("Shape", Picture, Sound)

MOST_MEGAPIXELS: Final = 100
MOST_SECONDS: Final = 1800.0
"""Of a sound: half an hour, 115 MB of samples as models hear them."""
_MOST_SIDE = 32_768
_MOST_RATIO = 200
"""Of a picture's sides: what is narrower shrinks to nothing, as models see it."""
_MOST_RAW = 4 * MOST_MEGAPIXELS * 1_000_000
"""Bytes of unpacked pixels."""


def _mp3(data: bytes) -> Sound:
    return mp3_shape(data, MOST_SECONDS)


_PICTURES: Mapping[str, Callable[[bytes], Picture]] = {
    "PNG": png_shape,
    "JPEG": jpeg_shape,
    "GIF": gif_shape,
    "BMP": bmp_shape,
}
_SOUNDS: Mapping[str, Callable[[bytes], Sound]] = {
    "WAV": wav_shape,
    "MP3": _mp3,
    "FLAC": flac_shape,
}
IMAGE_FORMATS: Final = tuple(_PICTURES)
SOUND_FORMATS: Final = tuple(_SOUNDS)


def inspect_picture(data: bytes) -> Picture:
    """What a picture is. Takes some milliseconds for each megabyte of its pixels where it is a PNG.

    Raises:
        MediaError: it is none that is read here, cut off or broken, or too large.
    """
    shape = _reader(data, _PICTURES, "picture")(data)
    width, height = shape.width, shape.height
    if not width or not height:
        raise MediaError("has no pixels")
    if width * height > MOST_MEGAPIXELS * 1_000_000 or shape.raw > _MOST_RAW:
        msg = f"has {width} x {height} pixels; up to {MOST_MEGAPIXELS} megapixels are decoded"
        raise MediaError(msg)
    if max(width, height) > _MOST_SIDE:
        raise MediaError(f"has {width} x {height} pixels; a side may have {_MOST_SIDE:,}")
    if max(width, height) > _MOST_RATIO * min(width, height):
        msg = f"has {width} x {height} pixels; one side may be {_MOST_RATIO} times the other"
        raise MediaError(msg)
    if shape.raw:
        check_pixels(data, shape.raw)
    return shape


def inspect_sound(data: bytes) -> Sound:
    """What a sound is.

    Raises:
        MediaError: it is none that is read here, cut off or broken, or too long.
    """
    shape = _reader(data, _SOUNDS, "sound")(data)
    if shape.seconds > MOST_SECONDS:
        raise MediaError(f"lasts longer than {MOST_SECONDS / 60:g} minutes")
    return shape


def _reader(
    data: bytes, readers: Mapping[str, Callable[[bytes], Shape]], what: str
) -> Callable[[bytes], Shape]:
    found = format_of(data)
    if found in readers:
        return readers[found]
    known = f"formats of a {what} are {', '.join(readers)}"
    if not data:
        raise MediaError("is empty")
    if not found:
        raise MediaError(f"is none that is known here; {known}")
    raise MediaError(f"is {found}, which is not read here; {known}")
