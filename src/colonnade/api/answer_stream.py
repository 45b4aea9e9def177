"""An answer as OpenAI streams it: ``data:`` lines, ``[DONE]`` in the end, errors as its body."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from colonnade.api.errors import error_body
from colonnade.web.disconnect import cancel
from colonnade.web.sse import EventStream, frame

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        AsyncIterator,
        Awaitable,
        Callable,
        Coroutine,
        Mapping,
    )

    from colonnade.api.options import ApiOptions
    from colonnade.api.schema.requests import GenerationFields
    from colonnade.messages import Failure

_NEVER = 1e7
"""Seconds."""

_DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True, slots=True)
class Opened:
    """An answer that has begun: its frames, what ends it, and headers of its own."""

    frames: AsyncIterator[bytes]
    close: Callable[[], Awaitable[None]]
    headers: Mapping[str, str] = field(default_factory=dict)


async def answer_stream(
    opening: Coroutine[None, None, Opened],
    *,
    at_once: bool,
    keep_alive: float,
    headers: Mapping[str, str],
) -> EventStream:
    """The response that sends an answer's frames.

    ``at_once``: the answer begins without waiting for a model to be loaded. Where it does not, and
    takes longer than ``keep_alive`` seconds, the response begins before it, with comments; what
    goes wrong from then on comes as an event. Before, it is raised.
    """
    if at_once:
        return _stream(await opening, keep_alive, headers)
    task = asyncio.ensure_future(opening)
    try:
        await asyncio.wait({task}, timeout=keep_alive)
    except BaseException:
        await cancel(task)
        raise
    if task.done():
        return _stream(task.result(), keep_alive, headers)
    late = Opened(_late_frames(task), lambda: _close_late(task))
    return _stream(late, keep_alive, headers)


def event_stream(frames: AsyncGenerator[bytes], *, keep_alive: float) -> EventStream:
    """The response that sends events that are no answer, without an end of their own."""
    return EventStream(frames, close=frames.aclose, keep_alive=keep_alive, error=_error)


def _stream(opened: Opened, keep_alive: float, headers: Mapping[str, str]) -> EventStream:
    return EventStream(
        opened.frames,
        close=opened.close,
        keep_alive=keep_alive,
        error=_error,
        last=_DONE,
        headers={**headers, **opened.headers},
    )


async def _late_frames(opening: asyncio.Future[Opened]) -> AsyncIterator[bytes]:
    opened = await opening
    async for body in opened.frames:
        yield body


async def _close_late(opening: asyncio.Future[Opened]) -> None:
    if not opening.done():
        await cancel(opening)
    elif not opening.cancelled() and opening.exception() is None:
        await opening.result().close()


def keep_alive(request: GenerationFields, options: ApiOptions) -> float:
    """Seconds of silence after which a comment is sent."""
    wish = request.sse_ping_interval
    if wish is None:
        return options.keep_alive_seconds
    return float(wish) if wish > 0 else _NEVER


def _error(failure: Failure) -> bytes:
    return frame(error_body(failure))
