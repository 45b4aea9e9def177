"""A WebSocket: uvicorn's, with bounds on what one client may cost and hold up.

uvicorn pings every 20 seconds and ends the connection of a client that does not answer for as long.
"""

from __future__ import annotations

import math
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from colonnade.cli.http_refusal import NO_HTTP
from colonnade.cli.monitored_loop import watched
from colonnade.watch.connections import CutOff

if TYPE_CHECKING:
    import asyncio

    from uvicorn._types import ASGIReceiveEvent, ASGISendEvent
    from websockets.frames import Frame

    from colonnade.cli.connections import Connections

_PIECE: Final = 1 << 12
"""Bytes that are parsed at once: up to 682 frames."""
_MOMENT: Final = 0.01
"""Seconds after which other connections have their turn."""
_MOST_FRAGMENTS: Final = 4096
_POLICY, _TRY_LATER = 1008, 1013
"""Close codes."""


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """A connection, from its handshake on."""

    def __init__(self, *args: Any, book: Connections, **options: Any) -> None:  # noqa: ANN401 - uvicorn's own
        super().__init__(*args, **options)
        self._book = book
        self.address = ""
        self.extra: CutOff | None = None
        self.deadline = math.inf
        self.touched = 0.0
        self.close_timeout = 2.0
        self._unparsed: deque[bytes] = deque()
        self._continues = False
        """Whether more will be parsed in a later callback."""
        self._held_back = False
        """Whether nothing is read because the client takes nothing."""
        self._began: float | None = None
        """When the message began that has not come to its end."""
        self._fragments = 0
        self._unsent = 0
        self._send_until = math.inf
        watched(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection was handed over."""
        super().connection_made(transport)
        self.address = self.client[0] if self.client else ""
        self.deadline = time.monotonic() + self._book.patience.head
        self._book.joins(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._book.closed(self)
        self._unparsed.clear()
        self.deadline = math.inf
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came, a moment long; the rest in later callbacks, and when there is room."""
        self._book.touch(self)
        self._unparsed.append(data)
        if not self._continues:
            self._parse_on()

    def _parse_on(self) -> None:
        self._continues = False
        if self._parse_a_moment():
            self._time_message()
        if self.transport.is_closing():
            return
        if self.conn.eof_sent and not self.handshake_complete:
            # Its library takes no body and no head of more than 128 headers, and leaves it at that.
            self.transport.write(NO_HTTP.response())
            self.transport.close()
        else:
            self._read_when_parsed()

    def _read_when_parsed(self) -> None:
        """Let what is not parsed wait with the client."""
        if self._unparsed:
            self.transport.pause_reading()
        elif not self.read_paused:
            self.transport.resume_reading()

    def _parse_a_moment(self) -> bool:
        """Parse what is there; False: not all of it."""
        end = time.perf_counter() + _MOMENT
        while self._unparsed and not self.transport.is_closing():
            if not self.writable.is_set():  # it sends pings and takes no pongs
                self._held_back = True
                return False
            if self.read_paused:  # goes on when the application has taken what is there
                return False
            data = self._unparsed.popleft()
            if len(data) > _PIECE:
                self._unparsed.appendleft(data[_PIECE:])
                data = data[:_PIECE]
            super().data_received(data)
            if self._unparsed and time.perf_counter() > end:
                self._parse_later()
                return False
        return True

    def _parse_later(self) -> None:
        if self._unparsed and not self._continues:
            self._continues = True
            self.loop.call_soon(self._parse_on)

    def handle_cont(self, event: Frame) -> None:
        """More of a message is there."""
        self._fragments += 1
        if self._fragments > _MOST_FRAGMENTS:
            self._fail("too many fragments")
            return
        super().handle_cont(event)

    def send_receive_event_to_app(self) -> None:
        """A message is there."""
        self._fragments = 0
        super().send_receive_event_to_app()

    async def receive(self) -> ASGIReceiveEvent:
        """Hand over what came, and go on to parse."""
        message = await super().receive()
        self._parse_later()
        return message

    async def send(self, message: ASGISendEvent) -> None:
        """Send."""
        await super().send(message)
        if message["type"] == "websocket.accept":
            self.deadline = math.inf
        if not self.disconnected:
            self._book.touch(self)
            self._time_sending()

    def pause_writing(self) -> None:
        """The client takes less than it is sent."""
        super().pause_writing()
        self._time_sending()

    def resume_writing(self) -> None:
        """It has taken most of it."""
        super().resume_writing()
        self._send_until = math.inf
        if self._held_back:
            self._held_back = False
            self._parse_later()
        self._set_deadline()

    def _time_sending(self) -> None:
        unsent = self.transport.get_write_buffer_size()
        if unsent and self._send_until == math.inf:
            self._unsent = unsent
            self._send_until = time.monotonic() + self._book.patience.sending
            self._set_deadline()

    def _time_message(self) -> None:
        """Let the client's time run while a message is not there as a whole."""
        if not self.handshake_complete:
            return
        whole = not (self.frames or self.conn.reader.buffer)
        if whole:
            self._began = None
        elif self._began is None:
            self._began = time.monotonic()
        self._set_deadline()

    def _set_deadline(self) -> None:
        if self.handshake_complete:
            self.deadline = min(self._send_until, self._message_until)

    @property
    def _message_until(self) -> float:
        if self._began is None:
            return math.inf
        patience = self._book.patience
        came = sum(map(len, self.frames)) + len(self.conn.reader.buffer)
        return self._began + patience.body + (came / patience.rate if patience.rate else 0)

    def expire(self, now: float) -> None:
        """Time is up for what the client was to do."""
        self.deadline = math.inf
        if not self.handshake_complete or self.close_sent:
            self.transport.abort()
        elif self._send_until <= now:
            self._expire_sending(now)
        elif self._message_until <= now:
            self._book.count(CutOff.SLOW_BODY)
            self._fail("a message did not come in time")
        else:
            self._set_deadline()

    def _expire_sending(self, now: float) -> None:
        unsent, patience = self.transport.get_write_buffer_size(), self._book.patience
        if not unsent:
            self._send_until = math.inf
        elif self._unsent - unsent >= patience.sending * patience.rate:
            self._unsent, self._send_until = unsent, now + patience.sending
        else:
            self._book.count(CutOff.SLOW_READER)
            self.transport.abort()
            return
        self._set_deadline()

    def _fail(self, reason: str, code: int = _POLICY) -> None:
        """End the connection and say why."""
        self._unparsed.clear()
        self.conn.fail(code, reason)
        self.queue.put_nowait(
            cast("Any", {"type": "websocket.disconnect", "code": code, "reason": reason})
        )
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.transport.close()
        self.deadline = time.monotonic() + self.close_timeout

    def make_room(self) -> None:
        """Another one needs its place."""
        self._fail("nothing went over this connection, and another one needs its place", _TRY_LATER)

    def shutdown(self) -> None:
        """The server stops. The application, which is told by other means, says good-bye."""
        if self.transport.is_closing():
            return  # a refusal of what is refused would raise
        if not self.handshake_complete or self.close_sent:
            super().shutdown()
