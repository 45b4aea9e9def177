"""Pictures and sounds that differ, for models that look at them."""

from __future__ import annotations

import hashlib
import struct
import zlib
from math import sin

from colonnade.messages import MediaKind, MediaPart
from tests.media.files import PNG_START, chunk


def picture(seed: int, width: int = 80, height: int = 60) -> bytes:
    """A PNG of smooth colours that follow from ``seed``."""
    rows = b"".join(
        b"\0"
        + bytes(
            ((seed + 1) * (x + c * y) + 37 * seed * c) % 256 for x in range(width) for c in range(3)
        )
        for y in range(height)
    )
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        PNG_START + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )


def sound(seed: int, seconds: float = 1.0, rate: int = 16_000) -> bytes:
    """A WAV of a tone that rises, as fast as ``seed`` says."""
    count = int(seconds * rate)
    samples = (int(9000 * sin((seed + 1) * 1e-5 * at * at)) for at in range(count))
    body = struct.pack(f"<{count}h", *samples)
    form = struct.pack("<HHIIHH", 1, 1, rate, 2 * rate, 2, 16)
    chunks = b"fmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def image_part(data: bytes) -> MediaPart:
    """A picture's file in a prompt."""
    return MediaPart(MediaKind.IMAGE, data, hashlib.sha256(data).hexdigest())


def audio_part(data: bytes) -> MediaPart:
    """A sound's file in a prompt."""
    return MediaPart(MediaKind.AUDIO, data, hashlib.sha256(data).hexdigest())
