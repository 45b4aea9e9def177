"""Makes files of sounds safe for the library that decodes them, and knows what it decodes at all.

That a file is whole and within bounds has been seen before it came here (``colonnade.media``).
What is left is what llama.cpp's decoders believe without looking: a WAV and an MP3 file may say, in
places that nobody needs, that they have any number of samples, for which memory is then allocated.
"""

from __future__ import annotations

import re
import struct

from colonnade.messages import Failure, FailureKind, MediaKind, MediaPart

_PICTURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"BM")
"""How PNG, JPEG, GIF and BMP files begin. The decoder knows more formats, of which some have no
beginning, and what it does not know would be tried as a film."""

_MOST_CHUNKS = 1000
_LEAST_FORM = 16

_TAG = re.compile(rb"(?:Xing|Info)...[\x01-\xff](?P<frames>.{4})", re.DOTALL)
"""What the first frame of an MP3 file may hold: the number of all frames, where a bit says so."""

_SHORTEST_FRAME = 24
"""Bytes."""


def decodable(part: MediaPart) -> bytes:
    """The file to be decoded in place of one that came.

    Raises:
        Failure: it is of no format that is read.
    """
    data = part.data
    if part.kind is MediaKind.IMAGE:
        if data.startswith(_PICTURES):
            return data
    elif data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        try:
            return _plain_wav(data)
        except struct.error:
            raise refusal(part, "it ends too early") from None
    elif data.startswith(b"fLaC"):
        return data
    elif data.startswith(b"ID3") or (data[:1] == b"\xff" and data[1:2] >= b"\xe0"):
        return _counted_mp3(data)
    raise refusal(part, "it is of no format that is read here")


def refusal(part: MediaPart, reason: str) -> Failure:
    """Why a file cannot be decoded."""
    msg = f"The {part.kind} cannot be read: {reason}."
    return Failure(FailureKind.INVALID_REQUEST, msg, param="messages")


def _plain_wav(data: bytes) -> bytes:
    """Format and samples of a WAV file, and nothing else."""
    form, at = b"", 12
    for _ in range(_MOST_CHUNKS):
        kind, length = struct.unpack_from("<4sI", data, at)
        body = data[at + 8 : at + 8 + length]
        if kind == b"fmt " and len(body) >= _LEAST_FORM:
            form = body
        elif kind == b"data":
            chunks = b"".join((b"WAVE", *_chunk(b"fmt ", form), *_chunk(b"data", body)))
            return b"".join(_chunk(b"RIFF", chunks))
        at += 8 + length + length % 2
    return data[:12]  # which no decoder takes


def _chunk(name: bytes, body: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    return name, struct.pack("<I", len(body)), body, b"\0" * (len(body) % 2)


def _counted_mp3(data: bytes) -> bytes:
    """The same, without a tag of more frames than there can be."""
    changed: bytearray | None = None
    for tag in _TAG.finditer(data):
        if int.from_bytes(tag["frames"]) > len(data) // _SHORTEST_FRAME:
            changed = changed or bytearray(data)
            changed[tag.start() : tag.start() + 4] = bytes(4)
    return data if changed is None else bytes(changed)
