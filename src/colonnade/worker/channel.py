"""The worker's end of the socket pair."""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from colonnade.messages import FrameReader, FromWorker, LogLine, ToWorker, encode_frame
from colonnade.watch import described, safe

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

_CHUNK = 1 << 18


class ChannelHandler(logging.Handler):
    """Sends what is logged to the server process, whose log has it then. A record's ``request``
    is the number of the request that it is about."""

    def __init__(self, channel: Channel) -> None:
        super().__init__()
        self._channel = channel

    def emit(self, record: logging.LogRecord) -> None:
        """Send a record. Where the server process is gone, nobody would read it."""
        text = record.getMessage()
        if record.exc_info and record.exc_info[1] is not None:
            text += f" | {described(record.exc_info[1])}"
        request = getattr(record, "request", 0)
        with suppress(OSError):
            self._channel.send(LogLine(record.levelno, record.name, safe(text), request))


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
