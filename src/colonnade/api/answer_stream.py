"""An answer as OpenAI streams it: ``data:`` lines, ``[DONE]`` in the end, errors as its body."""

from __future__ import annotations

from typing import TYPE_CHECKING

from colonnade.api.errors import error_body
from colonnade.web.sse import EventStream, frame

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from colonnade.messages import Failure

_DONE = b"data: [DONE]\n\n"


def answer_stream(
    frames: AsyncIterator[bytes],
    *,
    close: Callable[[], Awaitable[None]],
    keep_alive: float,
    headers: Mapping[str, str],
) -> EventStream:
    """The response that sends an answer's frames, with ``headers`` of its own."""
    return EventStream(
        frames, close=close, keep_alive=keep_alive, error=_error, last=_DONE, headers=headers
    )


def _error(failure: Failure) -> bytes:
    return frame(error_body(failure))
