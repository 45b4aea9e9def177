"""Parsing requests within bounds: of a head's size, and of the time that one callback takes."""

from __future__ import annotations

import time
from collections import deque
from enum import Enum, auto
from typing import Any, Final

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from colonnade.cli.http_cycle import Cycle, CycleOfHttp10
from colonnade.cli.http_refusal import LONG_HEAD, NO_HOST, NO_HTTP, NO_PROXY, Refusal

_LONGEST_HEAD: Final = 1 << 16
"""Bytes of a request that are no body: a line, headers, trailers, what stands beside chunks."""
_MOST_HEADERS: Final = 200
_PIECE: Final = 1 << 14
"""Bytes that are parsed at once."""
_MOMENT: Final = 0.01
"""Seconds after which other connections have their turn."""
_MOST_AHEAD: Final = 16
"""Requests that may wait for the answers to earlier ones of their connection before more is
parsed."""


class Phase(Enum):
    """How far the newest request of a connection is."""

    NONE = auto()
    HEAD = auto()
    BODY = auto()
    WHOLE = auto()


class _RefusedError(Exception):
    """Ends the parser's work."""


class BoundedParsing(HttpToolsProtocol):
    """A connection of uvicorn's, of which it is known how far its newest request is."""

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - uvicorn's own
        super().__init__(*args, **options)
        self.phase = Phase.NONE
        self._unparsed: deque[bytes] = deque()
        self._continues = False
        """Whether more will be parsed in a later callback."""
        self._deaf = False
        """Whether what comes is thrown away."""
        self._head = self._count = 0
        """Bytes and number of the headers of the newest request; trailers are among them."""
        self._held = 0
        """Bytes that came since the parser last came to the end of something."""
        self._refusal: Refusal | None = None

    def refuse(self, refusal: Refusal) -> None:
        """Answer what is no request; the answer to a sound request comes to its end first."""
        raise NotImplementedError

    def request_begins(self) -> None:
        """The head of a request is there, and may be served unless this returns ``False``."""

    def refusal_of(self, path: bytes) -> Refusal | None:  # noqa: ARG002 - for who has reasons
        """Why a request of this path is not served on this connection."""
        return None

    def data_received(self, data: bytes) -> None:
        """Parse what came, a moment long; the rest in later callbacks."""
        if self._deaf:
            return
        self._unset_keepalive_if_required()
        self._unparsed.append(data)
        if not self._continues:
            self._parse_on()

    def _parse_on(self) -> None:
        self._continues = False
        end = time.perf_counter() + _MOMENT
        while self._unparsed and not self._deaf and not self.transport.is_closing():
            if len(self.pipeline) >= _MOST_AHEAD:
                self.flow.pause_reading()
                return  # goes on after an answer
            data = self._unparsed.popleft()
            if len(data) > _PIECE:
                self._unparsed.appendleft(data[_PIECE:])
                data = data[:_PIECE]
            self._feed(data)
            if self._unparsed and time.perf_counter() > end:
                self.flow.pause_reading()
                self._parse_later()
                return
        if self.flow.read_paused and self._wants_more:
            self.flow.resume_reading()

    @property
    def _wants_more(self) -> bool:
        """Whether more is read before something is done with what is there. As long as that may be:
        where nothing is read, nobody sees that the client is gone."""
        if len(self.pipeline) >= _MOST_AHEAD:
            return False
        return self.cycle is None or len(self.cycle.body) <= HIGH_WATER_LIMIT

    def _parse_later(self) -> None:
        if self._unparsed and not self._continues:
            self._continues = True
            self.loop.call_soon(self._parse_on)

    def _feed(self, data: bytes) -> None:
        self._held += len(data)
        try:
            self._parse(data)
        except httptools.HttpParserError:
            self.refuse(self._refusal or NO_HTTP)
        if self._held + self._head > _LONGEST_HEAD and not self._deaf:
            self.refuse(LONG_HEAD)

    def _parse(self, data: bytes) -> None:
        """Parse, and change to WebSocket's protocol where that is asked for.

        Other protocols are not spoken here, and a request that offers one is answered without it
        (RFC 9110, 7.8). The parser has left its body for the other protocol, so it is begun again.
        Java's client offers HTTP/2 with every request.
        """
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._should_upgrade():
                self.handle_websocket_upgrade()
                return
            if not self._offers:  # CONNECT, which is for proxies
                self.refuse(NO_PROXY)
                return
            head = self._head_without_upgrade()
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn has it
            self._parse(head + data[upgrade.args[0] :])

    def _head_without_upgrade(self) -> bytes:
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        lines = [b"%s %s HTTP/%s" % (method, self.url, version)]
        lines += [b"%s: %s" % header for header in self.headers if header[0] != b"upgrade"]
        return b"\r\n".join([*lines, b"", b""])

    @property
    def _offers(self) -> bool:
        """Whether what is parsed offers a protocol that is not spoken here."""
        return (
            self.parser.should_upgrade()
            and not self._should_upgrade()
            and any(name == b"upgrade" for name, _ in self.headers)
        )

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._held = self._head = self._count = 0
        self.phase = Phase.HEAD

    def on_url(self, url: bytes) -> None:
        """A part of the target is there."""
        super().on_url(url)
        self._held = 0
        self._head += len(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header is there. Trailers are read over (RFC 9110, 6.5.1): the request is under way,
        and nobody has looked at them."""
        self._held = 0
        self._head += len(name) + len(value)
        self._count += 1
        if self._head > _LONGEST_HEAD or self._count > _MOST_HEADERS:
            self._stop(LONG_HEAD)
        if self.phase is Phase.HEAD:
            super().on_header(name, value)

    def on_body(self, body: bytes) -> None:
        """A part of a body is there."""
        self._held = 0
        super().on_body(body)

    def on_headers_complete(self) -> None:
        """Start to answer."""
        self._held = 0
        if self._offers:
            return
        self._check_head()
        self.phase = Phase.BODY
        before = self.cycle
        super().on_headers_complete()
        if self.cycle is not before:
            self.cycle.__class__ = Cycle
            if self.scope["http_version"] == "1.0":
                self.cycle.__class__ = CycleOfHttp10
                self.cycle.waiting_for_100_continue = False
            self.request_begins()

    def on_message_complete(self) -> None:
        """A request is there as a whole."""
        if not self._offers:
            self.phase = Phase.WHOLE
            super().on_message_complete()

    def _check_head(self) -> None:
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts > 1 or (not hosts and self.parser.get_http_version() != "1.0"):
            self._stop(NO_HOST)
        self._take_authority()
        refusal = self.refusal_of(self.url.partition(b"?")[0])
        if refusal is not None:
            self._stop(refusal)

    def _take_authority(self) -> None:
        """A target that is a whole URL says by which name it came, whatever ``Host`` says (RFC
        9112, 3.2.2): whoever stands between may have gone by either."""
        if self.url.startswith((b"/", b"*")):
            return
        authority = self.url.partition(b"://")[2].partition(b"/")[0].partition(b"?")[0]
        self.headers[:] = [each for each in self.headers if each[0] != b"host"]
        self.headers.append((b"host", authority))

    def _stop(self, refusal: Refusal) -> None:
        self._refusal = refusal
        raise _RefusedError
