"""The chunks of a streamed chat completion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from colonnade.api.accounts import wire_timings, wire_usage
from colonnade.api.identity import SYSTEM_FINGERPRINT
from colonnade.api.logprobs import chat_logprobs
from colonnade.api.schema.chat_response import ChatChunk, ChunkChoice, Delta
from colonnade.api.sse import frame
from colonnade.generation import Finished

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from colonnade.api.identity import Identity
    from colonnade.generation import Event, Generation, TextDelta
    from colonnade.messages import Decoding


class ChatStream:
    """Makes one generation's frames. One chunk is filled again and again: they come by the
    thousand a second."""

    def __init__(
        self, generation: Generation, identity: Identity, decoding: Decoding, *, include_usage: bool
    ) -> None:
        self._generation = generation
        self._choices = decoding.n
        self._unfinished = decoding.n
        self._with_logprobs = decoding.logprobs is not None
        self._include_usage = include_usage
        self._chunk = ChatChunk(
            id=identity.id,
            created=identity.created,
            model=identity.model,
            system_fingerprint=SYSTEM_FINGERPRINT,
            choices=[],
            usage=None if include_usage else UNSET,
        )
        self._delta = Delta(content="")
        self._piece = ChunkChoice(index=0, delta=self._delta)
        self._pieces = [self._piece]

    async def frames(self) -> AsyncIterator[bytes]:
        """Yield roles, text, ends, and the usage where asked for; what comes together, joined.

        Raises:
            Failure: the generation failed.
        """
        # In order and at once: clients want to meet the choices' indexes so.
        yield b"".join(self._role(index) for index in range(self._choices))
        async for events in self._generation.batches():
            yield b"".join([self._event(event) for event in events])
        if self._include_usage:
            self._chunk.choices = []
            self._chunk.usage = wire_usage(self._generation.usage)
            self._chunk.timings = wire_timings(self._generation.usage)
            yield frame(self._chunk)

    def _role(self, index: int) -> bytes:
        delta = Delta(role="assistant", content="", refusal=None)
        self._chunk.choices = [ChunkChoice(index=index, delta=delta)]
        return frame(self._chunk)

    def _event(self, event: Event) -> bytes:
        return self._end(event) if isinstance(event, Finished) else self._text(event)

    def _text(self, event: TextDelta) -> bytes:
        self._piece.index = event.choice
        self._delta.content = event.text
        if self._with_logprobs:
            self._piece.logprobs = chat_logprobs(event.logprobs)
        self._chunk.choices = self._pieces
        return frame(self._chunk)

    def _end(self, event: Finished) -> bytes:
        end = ChunkChoice(index=event.choice, delta=Delta(), finish_reason=event.reason.value)
        self._chunk.choices = [end]
        self._unfinished -= 1
        if not (self._unfinished or self._include_usage):
            self._chunk.timings = wire_timings(self._generation.usage)
        return frame(self._chunk)
