"""Answers to what never becomes a request: in the shape of OpenAI's errors, then the end."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final, NamedTuple

import msgspec

from colonnade.api.schema.errors import Error, ErrorBody


class Refusal(NamedTuple):
    """A status, and an error."""

    status: HTTPStatus
    code: str
    message: str
    retry_after: int | None = None

    def response(self) -> bytes:
        """The whole answer as it goes over the wire."""
        type_ = "server_error" if self.status >= 500 else "invalid_request_error"
        error = Error(message=self.message, type=type_, param=None, code=self.code)
        body = msgspec.json.encode(ErrorBody(error))
        lines = [
            f"HTTP/1.1 {self.status.value} {self.status.phrase}",
            "content-type: application/json",
            f"content-length: {len(body)}",
            "connection: close",
        ]
        if self.retry_after is not None:
            lines.append(f"retry-after: {self.retry_after}")
        return "\r\n".join([*lines, "", ""]).encode() + body


NO_HTTP: Final = Refusal(
    HTTPStatus.BAD_REQUEST, "invalid_request", "This is no valid HTTP request."
)
NO_HOST: Final = Refusal(
    HTTPStatus.BAD_REQUEST, "invalid_request", "A request has one Host header (RFC 9112, 3.2)."
)
NO_PROXY: Final = Refusal(HTTPStatus.BAD_REQUEST, "invalid_request", "This server is no proxy.")
LONG_HEAD: Final = Refusal(
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    "invalid_request",
    "The request's head is too long.",
)
SLOW_HEAD: Final = Refusal(
    HTTPStatus.REQUEST_TIMEOUT, "request_timeout", "The request's head did not come in time."
)
SLOW_BODY: Final = Refusal(
    HTTPStatus.REQUEST_TIMEOUT, "request_timeout", "The request's body did not come in time."
)
STOPPING: Final = Refusal(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "shutting_down",
    "The server is stopping; the request's body was not there yet.",
    retry_after=5,
)
ALL_BUSY: Final = Refusal(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "too_many_connections",
    "All connections that the server can have are at work.",
    retry_after=1,
)
ADDRESS_FULL: Final = Refusal(
    HTTPStatus.TOO_MANY_REQUESTS,
    "too_many_connections",
    "Your address has as many connections at work as one may have.",
    retry_after=1,
)
