"""Answers over HTTP/1.0, which uvicorn writes as if they were HTTP/1.1's."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

if TYPE_CHECKING:
    from uvicorn._types import ASGISendEvent


class CycleOfHttp10(RequestResponseCycle):
    """A request of HTTP/1.0 and its answer. It ends with the connection where its length is not
    known before, for that version has no chunks (RFC 9112, 7)."""

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


def _endless() -> Any:  # noqa: ANN401 - uvicorn only compares and subtracts
    return math.inf


def _has_length(headers: Any) -> bool:  # noqa: ANN401 - pairs
    return any(name.lower() == b"content-length" for name, _ in headers)
