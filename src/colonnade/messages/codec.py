"""Frames: a MessagePack body behind its length as four little-endian bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

_encoder = msgspec.msgpack.Encoder()

T = TypeVar("T")


def encode_frame(message: msgspec.Struct) -> bytearray:
    """Encode one message with its length prefix."""
    frame = bytearray(4)
    _encoder.encode_into(message, frame, 4)
    frame[:4] = (len(frame) - 4).to_bytes(4, "little")
    return frame


class FrameReader(Generic[T]):
    """Cuts a byte stream into frames and decodes them, fed with whatever a read returned."""

    def __init__(self, decoder: msgspec.msgpack.Decoder[T]) -> None:
        self._decoder = decoder
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[T]:
        """Yield every message that ``data`` completes.

        Raises ``msgspec.DecodeError`` on a frame that is not a message.
        """
        buffer = self._buffer
        buffer += data
        start = 0
        while len(buffer) - start >= 4:
            end = start + 4 + int.from_bytes(buffer[start : start + 4], "little")
            if len(buffer) < end:
                break
            yield self._decoder.decode(bytes(buffer[start + 4 : end]))
            start = end
        del buffer[:start]
