"""Requests and their answers: what uvicorn leaves undone of long ones, and of HTTP/1.0."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

if TYPE_CHECKING:
    from uvicorn._types import ASGISendEvent


_PIECE: Final = 1 << 16
"""Bytes of an answer that are written at once."""


class Cycle(RequestResponseCycle):
    """A request and its answer.

    A long answer is written as its client takes it: asyncio would keep a copy of the whole for each
    client that does not read.
    """

    async def send(self, message: ASGISendEvent) -> None:
        """Send a part of the answer."""
        if message["type"] == "http.response.body" and len(message.get("body", b"")) > _PIECE:
            body, more = memoryview(message["body"]), message.get("more_body", False)
            for start in range(0, len(body), _PIECE):
                piece = bytes(body[start : start + _PIECE])
                follows = more or start + _PIECE < len(body)
                await super().send(
                    {"type": "http.response.body", "body": piece, "more_body": follows}
                )
        else:
            await super().send(message)


class CycleOfHttp10(Cycle):
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
