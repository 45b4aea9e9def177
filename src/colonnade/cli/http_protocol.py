"""What uvicorn leaves undone of HTTP/1: clients of HTTP/1.0, those that would rather speak HTTP/2,
endless heads, errors in our shape.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import httptools
import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from colonnade.api.schema.errors import Error, ErrorBody

if TYPE_CHECKING:
    from uvicorn._types import ASGISendEvent

_LONGEST_HEAD: Final = 1 << 17
"""Bytes of a request that are neither body nor parsed yet: a line, headers, trailers."""


class HttpProtocol(HttpToolsProtocol):
    """A connection."""

    _held = 0
    """Bytes that came since the parser last came to the end of something."""

    def data_received(self, data: bytes) -> None:
        """Parse what came. Headers that do not end are refused: the parser would hold them all."""
        self._held += len(data)
        self._unset_keepalive_if_required()
        try:
            self._parse(data)
        except httptools.HttpParserError:
            self._refuse(b"400 Bad Request", "This is no valid HTTP request.")
        if self._held > _LONGEST_HEAD:
            self._refuse(b"431 Request Header Fields Too Large", "The request's head is too long.")

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
                self._refuse(b"400 Bad Request", "This server is no proxy.")
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
        self._held = 0

    def on_body(self, body: bytes) -> None:
        """A part of a body is there."""
        self._held = 0
        super().on_body(body)

    def on_headers_complete(self) -> None:
        """Start to answer. The answer to HTTP/1.0 ends with the connection where its length is not
        known before, for that has no chunks (RFC 9112, 7)."""
        self._held = 0
        if self._offers:
            return
        before = self.cycle
        super().on_headers_complete()
        if self.cycle is not before and self.scope["http_version"] == "1.0":
            self.cycle.__class__ = _CycleOfHttp10
            self.cycle.waiting_for_100_continue = False

    def on_message_complete(self) -> None:
        """A request is there as a whole."""
        if not self._offers:
            super().on_message_complete()

    def _refuse(self, status: bytes, message: str) -> None:
        """Answer and close the connection; the answer to a sound request comes to its end first."""
        cycle = self.cycle
        if self.transport.is_closing():
            return
        if cycle is not None and not (cycle.response_complete or cycle.more_body):
            cycle.keep_alive = False
            return
        if self._has_its_turn(cycle):
            self.transport.write(_refusal(status, message))
        self.transport.close()

    def _has_its_turn(self, cycle: RequestResponseCycle | None) -> bool:
        """Whether an answer to what is being parsed may be sent."""
        if cycle is None:
            return True
        if cycle.response_complete:
            return not cycle.more_body  # else it is this request that has been answered
        return not (cycle.response_started or self.pipeline)


class _CycleOfHttp10(RequestResponseCycle):
    """A request of HTTP/1.0 and its answer."""

    async def send(self, message: ASGISendEvent) -> None:
        """Send a part of the answer."""
        if message["type"] == "http.response.start":
            if not _has_length(message.get("headers", ())):
                self.chunked_encoding = False
                self.expected_content_length = _endless()
        elif self.expected_content_length == math.inf and not message.get("more_body", False):
            body = message.get("body", b"")
            assert isinstance(body, bytes)  # noqa: S101 - its type has no room for that
            self.expected_content_length = len(body)
        await super().send(message)


def _refusal(status: bytes, message: str) -> bytes:
    error = Error(message=message, type="invalid_request_error", param=None, code="invalid_request")
    body = msgspec.json.encode(ErrorBody(error))
    head = (
        b"HTTP/1.1 %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\n"
        b"connection: close\r\n\r\n"
    )
    return head % (status, len(body)) + body


def _endless() -> Any:  # noqa: ANN401 - uvicorn only compares and subtracts
    return math.inf


def _has_length(headers: Any) -> bool:  # noqa: ANN401 - pairs
    return any(name.lower() == b"content-length" for name, _ in headers)
