"""A connection of HTTP/1: what uvicorn leaves undone. It ends in time whatever its client does or
leaves, its errors have our shape, and a client that closed its own side gets its answer.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any, Final, cast

from colonnade.cli.half_closed import COMMENT, CONTINUE, Listening, can_be_told
from colonnade.cli.http_parsing import BoundedParsing, Phase
from colonnade.cli.http_refusal import (
    ADDRESS_FULL,
    ALL_BUSY,
    SLOW_BODY,
    SLOW_HEAD,
    STOPPING,
    Refusal,
)
from colonnade.watch.connections import CutOff
from colonnade.web.observed import COUNTS

if TYPE_CHECKING:
    import asyncio

    from uvicorn._types import ASGI3Application
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

    from colonnade.cli.connections import Connections

_PROBES: Final = frozenset({b"/health", b"/ready", b"/metrics"})
"""What is served on connections that have no place."""
_LAST_WORD: Final = 5.0
"""Seconds in which a client that is refused may go on to send, so that it reads why: a connection
that is closed under what it sends is reset, and the answer is lost."""
_STOPPING: Final = 1.0
"""Seconds that half a body may still take when the server stops."""


class HttpProtocol(BoundedParsing):
    """A connection."""

    def __init__(self, *args: Any, book: Connections, **options: Any) -> None:  # noqa: ANN401 - uvicorn's own
        super().__init__(*args, **options)
        self._book = book
        self.address = ""
        self.extra: CutOff | None = None
        self.deadline = math.inf
        self.touched = 0.0
        self._began = 0.0
        """When the body began (``time.monotonic``)."""
        self._received = 0
        """Bytes of it."""
        self._unsent = 0
        """Bytes that the client had not taken when its time began to run."""
        self._sending = False
        """Whether the time that is running is the client's for taking its answer."""
        self._has_events = False
        """Whether the answer under way is a stream of events."""
        self._ending = False
        """Whether all is said, and the client has a moment to read it."""
        self._stopping = False
        self._waits = False
        self._served: RequestResponseCycle | None = None
        """The request that is answered, where others may wait behind it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client is there."""
        super().connection_made(transport)
        self.address = self.client[0] if self.client else ""
        if not self._book.opened(self):
            transport.abort()
            return
        self.deadline = time.monotonic() + self._book.patience.head
        self._settle()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._book.closed(self)
        self.deadline = math.inf
        self._unparsed.clear()
        if (answered := self._served) is not None:  # uvicorn tells the newest alone
            answered.disconnected = not answered.response_complete
            answered.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Something came."""
        if self.phase is Phase.NONE and not self._deaf:
            self.phase = Phase.HEAD
            self.deadline = time.monotonic() + self._book.patience.head
        super().data_received(data)

    def _parse_on(self) -> None:
        super()._parse_on()
        self._settle()

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self.deadline = time.monotonic() + self._book.patience.head

    def request_begins(self) -> None:
        """Its head is there: see to it that its answer is written through this object."""
        self.cycle.transport = cast("asyncio.Transport", self)
        self._began, self._received = time.monotonic(), 0
        self.deadline = self._began + self._book.patience.body
        if self.extra is not None:
            self.cycle.keep_alive = False

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._served = cycle
        super()._start_asgi_task(cycle, app)

    def refusal_of(self, path: bytes) -> Refusal | None:
        """Why a request of this path is not served on this connection."""
        if self.extra is None or path in _PROBES or self._book.still_no_place(self) is None:
            return None
        return ADDRESS_FULL if self.extra is CutOff.ADDRESS else ALL_BUSY

    def on_body(self, body: bytes) -> None:
        """A part of a body is there."""
        self._received += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A request is there as a whole."""
        super().on_message_complete()
        if self.phase is Phase.WHOLE:
            self.deadline = math.inf
            if self.cycle is not None and self.cycle.response_complete:
                self._answered()

    # What an answer is written to.

    def write(self, data: bytes) -> None:
        """Send."""
        if self.transport.is_closing():
            return  # uvloop's raises, and uvicorn asks before it has heard of it
        if data.startswith(b"HTTP/"):
            self._has_events = b"\r\ncontent-type: text/event-stream" in data
        self.transport.write(data)

    def is_closing(self) -> bool:
        """Whether it is at its end."""
        return self.transport.is_closing() or self._deaf

    def close(self) -> None:
        """End the connection behind what was written. What is left of a body is thrown away."""
        if self.phase is Phase.BODY:
            self._end_gently()
            return
        self.transport.close()
        self._time_sending()

    def on_response_complete(self) -> None:
        """An answer is written."""
        if not self._deaf:
            super().on_response_complete()
            if self.phase is Phase.WHOLE and self.cycle.response_complete:
                self._answered()
            elif self.phase is Phase.BODY and self.cycle.response_complete:
                # The rest of a refused body is read over, but not for ever.
                self.deadline = time.monotonic() + self._book.patience.body
        self._time_sending()
        self._parse_later()
        self._settle()

    def _answered(self) -> None:
        self.phase = Phase.NONE
        self.deadline = time.monotonic() + self.timeout_keep_alive
        if self._stopping:
            self.transport.close()

    # Slow clients.

    def pause_writing(self) -> None:
        """The client takes less than it is sent."""
        super().pause_writing()
        self._time_sending()

    def resume_writing(self) -> None:
        """It has taken most of it."""
        super().resume_writing()
        if self._sending:
            self._sending = False
            self.deadline = math.inf

    def _time_sending(self) -> None:
        """Let the client's time run for taking what is written; unless its time for sending
        does."""
        unsent = self.transport.get_write_buffer_size()
        sends = self.phase in (Phase.HEAD, Phase.BODY) and not self._deaf
        if unsent and not (sends or self._ending):
            self._unsent, self._sending = unsent, True
            self.deadline = time.monotonic() + self._book.patience.sending

    def expire(self, now: float) -> None:
        """Time is up for what the client was to do."""
        self.deadline = math.inf
        if self._sending:
            self._expire_sending(now)
        elif self._ending:
            self.transport.abort()
        elif self.phase is Phase.BODY:
            self._expire_body(now)
        elif self.phase is Phase.HEAD:
            self._book.count(CutOff.SLOW_HEAD)
            self.refuse(SLOW_HEAD)
        elif not self._answering:
            self.transport.close()

    def _expire_sending(self, now: float) -> None:
        unsent, patience = self.transport.get_write_buffer_size(), self._book.patience
        if not unsent:
            self._sending = False
            self.deadline = now + self.timeout_keep_alive if self.phase is Phase.NONE else math.inf
        elif self._unsent - unsent >= patience.sending * patience.rate:
            self._unsent, self.deadline = unsent, now + patience.sending
        else:
            self._book.count(CutOff.SLOW_READER)
            self.transport.abort()

    def _expire_body(self, now: float) -> None:
        patience = self._book.patience
        allowed = self._began + patience.body + self._received / max(1, patience.rate)
        if self.cycle.response_complete:
            self.transport.close()
        elif self.flow.read_paused and not self._stopping:  # it is we who do not read
            self._began, self.deadline = now, now + patience.body
        elif patience.rate and now < allowed and not self._stopping:
            self.deadline = allowed
        elif self._stopping:
            self._give_up_body(STOPPING)
        else:
            self._book.count(CutOff.SLOW_BODY)
            self._give_up_body(SLOW_BODY)

    def _give_up_body(self, refusal: Refusal) -> None:
        cycle = self.cycle
        untouched = not (cycle.response_started or self.pipeline)
        cycle.disconnected = True
        cycle.message_event.set()
        if untouched:
            self.transport.write(refusal.response())
            self._end_gently()
        else:
            self.transport.abort()

    # The end of a connection.

    def make_room(self) -> None:
        """Another one needs its place."""
        if self.phase is Phase.BODY and not self.cycle.response_complete:
            self._give_up_body(ALL_BUSY)
        self.transport.abort()

    def refuse(self, refusal: Refusal) -> None:
        """Answer and end the connection; the answer to a sound request comes to its end first."""
        cycle = self.cycle
        if self.transport.is_closing() or self._deaf:
            return
        if self._answering:
            cycle.keep_alive = False
            self._deaf = True
            self._unparsed.clear()
            self.deadline = math.inf
            self._time_sending()
            return
        if self._has_its_turn(cycle):
            COUNTS.refused[refusal.code, refusal.status.value] += 1
            self.transport.write(refusal.response())
        self._end_gently()

    def _end_gently(self) -> None:
        """Say that this was all, and listen to nothing more; the client has a moment to read."""
        self._deaf = self._ending = True
        self._unparsed.clear()
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._sending = False
        self.deadline = time.monotonic() + _LAST_WORD

    def _has_its_turn(self, cycle: RequestResponseCycle | None) -> bool:
        """Whether an answer to what is being parsed may be sent."""
        if cycle is None or (self.phase is Phase.HEAD and cycle.response_complete):
            return True
        if cycle.response_complete:
            return not cycle.more_body  # else it is this request that has been answered
        return not (cycle.response_started or self.pipeline)

    def eof_received(self) -> bool:  # type: ignore[override]
        """The client says no more. True: it may be waiting for an answer."""
        if self._deaf or self._unparsed or not self._answering or not can_be_told():
            return False
        cycle = self.cycle
        if cycle.scope["http_version"] == "1.0":
            return False
        cycle.keep_alive = False
        served = self._served or cycle
        if not served.response_started:
            self.transport.write(CONTINUE)
        elif served.chunked_encoding and self._has_events:
            self.transport.write(COMMENT)
        Listening(self.loop, self.transport)
        return True

    def shutdown(self) -> None:
        """The server stops."""
        self._stopping = True
        if self.phase is Phase.BODY and not self.cycle.response_complete:
            self.cycle.keep_alive = False
            self.deadline = min(self.deadline, time.monotonic() + _STOPPING)
        elif self.phase is Phase.HEAD and not self._answering:
            self.transport.close()
        else:
            super().shutdown()

    @property
    def _answering(self) -> bool:
        """Whether a request is there that is to be answered."""
        cycle = self.cycle
        whole = cycle is not None and not (cycle.response_complete or cycle.more_body)
        return whole or bool(self.pipeline)

    def _settle(self) -> None:
        """Note whether the client is waited for."""
        waits = not self._answering
        if waits != self._waits:
            self._waits = waits
            (self._book.waits if waits else self._book.works)(self)

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over."""
        self.deadline = math.inf
        self._deaf = True
        self._unparsed.clear()
        self._book.closed(self)
        super().handle_websocket_upgrade()
