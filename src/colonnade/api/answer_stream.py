"""An answer as OpenAI streams it: ``data:`` lines, ``[DONE]`` in the end, errors as its body."""

from __future__ import annotations

from typing import TYPE_CHECKING

from colonnade.api.errors import error_body
from colonnade.web.sse import EventStream, frame

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from colonnade.api.options import ApiOptions
    from colonnade.api.schema.requests import GenerationFields
    from colonnade.messages import Failure

_NEVER = 1e7
"""Seconds."""

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


def keep_alive(request: GenerationFields, options: ApiOptions) -> float:
    """Seconds of silence after which a comment is sent."""
    wish = request.sse_ping_interval
    if wish is None:
        return options.keep_alive_seconds
    return float(wish) if wish > 0 else _NEVER


def _error(failure: Failure) -> bytes:
    return frame(error_body(failure))
