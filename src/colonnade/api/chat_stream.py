"""The chunks of a streamed chat completion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from colonnade.api.accounts import wire_timings, wire_usage
from colonnade.api.identity import SYSTEM_FINGERPRINT
from colonnade.api.logprobs import chat_logprobs
from colonnade.api.schema.chat_response import ChatChunk, ChunkChoice, Delta
from colonnade.api.sse import frame
from colonnade.generation import TextDelta

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from colonnade.api.identity import Identity
    from colonnade.generation import Generation
    from colonnade.messages import Decoding


async def chat_frames(
    generation: Generation, identity: Identity, decoding: Decoding, *, include_usage: bool
) -> AsyncIterator[bytes]:
    """Yield the frames of a generation: roles, text, ends, and the usage where it is asked for."""
    chunk = ChatChunk(
        id=identity.id,
        created=identity.created,
        model=identity.model,
        system_fingerprint=SYSTEM_FINGERPRINT,
        choices=[],
        usage=None if include_usage else UNSET,
    )
    yield _roles(chunk, decoding.n)
    # Thousands of these a second: one chunk is filled again and again.
    delta = Delta(content="")
    piece = ChunkChoice(index=0, delta=delta)
    unfinished = decoding.n
    async for event in generation:
        if isinstance(event, TextDelta):
            chunk.choices = [piece]
            piece.index = event.choice
            delta.content = event.text
            if decoding.logprobs is not None:
                piece.logprobs = chat_logprobs(event.logprobs)
            yield frame(chunk)
        else:
            unfinished -= 1
            end = ChunkChoice(index=event.choice, delta=Delta(), finish_reason=event.reason.value)
            chunk.choices = [end]
            if not (unfinished or include_usage):
                chunk.timings = wire_timings(generation.usage)
            yield frame(chunk)
    if include_usage:
        chunk.choices = []
        chunk.usage = wire_usage(generation.usage)
        chunk.timings = wire_timings(generation.usage)
        yield frame(chunk)


def _roles(chunk: ChatChunk, n: int) -> bytes:
    """The first chunk of every choice, in order: clients want to meet the indexes so."""
    frames = []
    for index in range(n):
        delta = Delta(role="assistant", content="", refusal=None)
        chunk.choices = [ChunkChoice(index=index, delta=delta)]
        frames.append(frame(chunk))
    return b"".join(frames)
