"""What uvicorn leaves undone of HTTP/1: clients of HTTP/1.0, endless heads, errors in our shape."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

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
        super().data_received(data)
        if self._held > _LONGEST_HEAD:
            self._refuse(b"431 Request Header Fields Too Large", "The request's head is too long.")

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
        before = self.cycle
        super().on_headers_complete()
        if self.cycle is not before and self.scope["http_version"] == "1.0":
            self.cycle.__class__ = _CycleOfHttp10
            self.cycle.waiting_for_100_continue = False

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP."""
        self._refuse(b"400 Bad Request", msg)

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
