"""The chunks of a streamed chat completion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from colonnade.api.accounts import wire_progress, wire_timings, wire_usage
from colonnade.api.identity import SYSTEM_FINGERPRINT
from colonnade.api.logprobs import chat_logprobs
from colonnade.api.narrowed import wire_narrowings
from colonnade.api.schema.chat_response import (
    ChatChunk,
    ChunkChoice,
    CustomCall,
    FunctionCall,
    ToolCall,
)
from colonnade.api.schema.chat_response import Delta as WireDelta
from colonnade.generation import CallStart, Finished, PromptProgress, ReasoningDelta, TextDelta
from colonnade.web.sse import frame

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from colonnade.api.chat_answer import Style
    from colonnade.api.identity import Identity
    from colonnade.generation import CallArguments, Delta, Event, Generation
    from colonnade.messages import Decoding


class ChatStream:
    """Makes one generation's frames. One chunk is filled again and again: they come by the
    thousand a second."""

    def __init__(
        self,
        generation: Generation,
        identity: Identity,
        decoding: Decoding,
        style: Style,
        *,
        include_usage: bool,
    ) -> None:
        self._generation = generation
        self._style = style
        self._choices = decoding.n
        self._unfinished = decoding.n
        self._with_logprobs = decoding.logprobs is not None
        self._with_timings = decoding.timings
        self._include_usage = include_usage
        self._chunk = ChatChunk(
            id=identity.id,
            created=identity.created,
            model=identity.model,
            service_tier=style.tier,
            system_fingerprint=SYSTEM_FINGERPRINT,
            choices=[],
            usage=None if include_usage else UNSET,
        )
        if style.token_ids:
            self._chunk.prompt_token_ids = list(generation.prompt_ids)
        if style.prompt_text:
            self._chunk.prompt_text = generation.prompt_text
        self._custom_calls: set[tuple[int, int]] = set()
        self._delta = WireDelta(content="")
        self._piece = ChunkChoice(index=0, delta=self._delta)
        self._pieces = [self._piece]

    async def frames(self) -> AsyncIterator[bytes]:
        """Yield roles, text, ends, and the usage where asked for; what comes together, joined.

        Raises:
            Failure: the generation failed.
        """
        # In order and at once: clients want to meet the choices' indexes so.
        yield b"".join(self._role(index) for index in range(self._choices))
        self._chunk.prompt_token_ids = self._chunk.prompt_text = UNSET
        async for events in self._generation.batches():
            yield b"".join([self._event(event) for event in events])
        if self._include_usage:
            self._chunk.choices = []
            self._chunk.usage = wire_usage(self._generation.usage)
            self._account()
            yield frame(self._chunk)

    def _role(self, index: int) -> bytes:
        delta = WireDelta(role="assistant", content=self._style.echo, refusal=None)
        self._chunk.choices = [ChunkChoice(index=index, delta=delta)]
        return frame(self._chunk)

    def _event(self, event: Event) -> bytes:
        match event:
            case TextDelta():
                self._delta.content = event.text
                return self._piece_of(event, self._delta)
            case Finished():
                return self._end(event)
            case ReasoningDelta():
                return self._thought(event)
            case PromptProgress():
                return self._progress(event)
            case _:
                return self._piece_of(event, self._call(event))

    def _piece_of(self, event: Delta, delta: WireDelta) -> bytes:
        self._piece.index = event.choice
        self._piece.delta = delta
        if self._with_logprobs:
            self._piece.logprobs = chat_logprobs(event.logprobs, as_ids=self._style.as_ids)
        if self._style.token_ids:
            self._piece.token_ids = list(event.ids)
        if self._with_timings:
            self._chunk.timings = wire_timings(self._generation.so_far[event.choice])
        self._chunk.choices = self._pieces
        return frame(self._chunk)

    def _progress(self, event: PromptProgress) -> bytes:
        self._chunk.prompt_progress = wire_progress(event)
        self._chunk.choices = [ChunkChoice(index=event.choice, delta=WireDelta())]
        body = frame(self._chunk)
        self._chunk.prompt_progress = UNSET
        return body

    def _thought(self, event: ReasoningDelta) -> bytes:
        if not self._style.thoughts:
            # its tokens are told all the same, as where the answer comes in one piece
            tells = self._with_logprobs or self._style.token_ids
            return self._piece_of(event, WireDelta()) if tells else b""
        text = event.text
        return self._piece_of(event, WireDelta(reasoning_content=text, reasoning=text))

    def _call(self, event: CallStart | CallArguments) -> WireDelta:
        """A piece of a call; its first one alone has the name."""
        custom, name = self._custom(event), event.name if isinstance(event, CallStart) else UNSET
        text = "" if isinstance(event, CallStart) else event.text
        if self._style.functions:
            return WireDelta(function_call=FunctionCall(name=name, arguments=text))
        call = ToolCall(index=event.index)
        if isinstance(event, CallStart):
            call.id, call.type = event.id, "custom" if custom else "function"
        if custom:
            call.custom = CustomCall(name=name, input=text)
        else:
            call.function = FunctionCall(name=name, arguments=text)
        return WireDelta(tool_calls=[call])

    def _custom(self, event: CallStart | CallArguments) -> bool:
        """Whether a call is one of a custom tool, which its first piece tells."""
        place = event.choice, event.index
        if isinstance(event, CallStart) and event.custom:
            self._custom_calls.add(place)
        return place in self._custom_calls

    def _end(self, event: Finished) -> bytes:
        reason = self._style.reason(event.reason)
        end = ChunkChoice(index=event.choice, delta=WireDelta(), finish_reason=reason)
        if event.stop is not None:
            end.stop_reason = event.stop
        self._chunk.choices = [end]
        self._unfinished -= 1
        if not (self._unfinished or self._include_usage):
            self._account()
        return frame(self._chunk)

    def _account(self) -> None:
        """Put into the last chunk what concerns the whole answer."""
        self._chunk.timings = wire_timings(self._generation.usage)
        self._chunk.narrowed = wire_narrowings(self._generation.narrowings)
