"""What a file of a picture or a sound is, by its header: its format, and how much there is in it.

Files come from clients, and decoders written in C read them later, in a worker. Here nothing is
decoded: it is found out, in little time and memory, that a file is what it is said to be, whole,
and within bounds, so that what decodes it cannot be made to take much of either. Pure code on
bytes; no library, no I/O.
"""

from colonnade.media.base64_text import data_start, decoded_parts, decoded_size
from colonnade.media.errors import MediaError
from colonnade.media.inspection import (
    IMAGE_FORMATS,
    MOST_MEGAPIXELS,
    MOST_SECONDS,
    SOUND_FORMATS,
    inspect_picture,
    inspect_sound,
)
from colonnade.media.shape import Picture, Sound

__all__ = [
    "IMAGE_FORMATS",
    "MOST_MEGAPIXELS",
    "MOST_SECONDS",
    "SOUND_FORMATS",
    "MediaError",
    "Picture",
    "Sound",
    "data_start",
    "decoded_parts",
    "decoded_size",
    "inspect_picture",
    "inspect_sound",
]
