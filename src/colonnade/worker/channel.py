"""The worker's end of the socket pair."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import msgspec

from colonnade.messages import FrameReader, FromWorker, ToWorker, encode_frame

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

_CHUNK = 1 << 18


class Channel:
    """Blocking reads for one thread, writes for any."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    def send(self, message: FromWorker) -> None:
        """Send one message.

        Raises:
            OSError: the server process is gone.
        """
        frame = encode_frame(message)
        with self._lock:
            self._connection.sendall(frame)

    def receive(self) -> Iterator[ToWorker]:
        """Yield messages until the server process closes its end."""
        decoder: msgspec.msgpack.Decoder[ToWorker] = msgspec.msgpack.Decoder(ToWorker)
        reader = FrameReader(decoder)
        while data := self._connection.recv(_CHUNK):
            yield from reader.feed(data)
