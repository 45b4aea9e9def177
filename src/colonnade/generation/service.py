"""From a turn to a running generation."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from colonnade.generation.events import Event, Finished, TextDelta, Usage
from colonnade.generation.turn import ChatPrompt, CompletionPrompt, Turn
from colonnade.messages import Failure, FailureKind, Output, PromptPart, TextPart, TokenPart

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from colonnade.engine import Stream
    from colonnade.generation.models import Models, ServedModel
    from colonnade.messages import TokenLogprob


_LONG = 1 << 17
"""Characters of messages that take more than a few milliseconds to render."""


class Generation:
    """A generation under way: iterate over its events, or close it to give it up.

    The prompt is accepted already when this exists, so nothing that the request's own fault can
    cause comes later: an exception from the iteration is a ``Failure`` of the server.
    """

    def __init__(self, model: str, stream: Stream) -> None:
        self.model = model
        self._stream = stream
        self.finished: list[Finished] = []

    @property
    def prompt_tokens(self) -> int:
        """Number of tokens in the prompt."""
        return self._stream.prompt_tokens

    @property
    def prompt_logprobs(self) -> tuple[TokenLogprob, ...]:
        """The prompt's tokens, where asked for; there before the first event."""
        return self._stream.prompt_logprobs

    @property
    def usage(self) -> Usage:
        """The sum over the choices finished so far (the prompt counted once)."""
        each = [finished.usage for finished in self.finished]
        first = min(self.finished, key=lambda finished: finished.choice).usage
        return Usage(
            prompt_tokens=first.prompt_tokens,
            cached_tokens=first.cached_tokens,
            completion_tokens=sum(usage.completion_tokens for usage in each),
            queue_ms=first.queue_ms,
            prompt_ms=first.prompt_ms,
            decode_ms=max(usage.decode_ms for usage in each),
        )

    async def batches(self) -> AsyncIterator[list[Event]]:
        """Yield whatever events are there, as often as some are, until each choice has finished.

        A slow reader gets many at once, and can pass them on so.
        """
        async for outputs in self._stream.batches():
            events = [event for output in outputs for event in _events(output)]
            self.finished += [event for event in events if isinstance(event, Finished)]
            yield events

    async def __aiter__(self) -> AsyncIterator[Event]:
        """Yield the events of all choices one by one; otherwise as ``batches``."""
        async for events in self.batches():
            for event in events:
                yield event

    async def aclose(self) -> None:
        """Cancel what is still running. Does nothing after the end."""
        await self._stream.aclose()


class Generator:
    """Starts generations. One per server."""

    def __init__(self, models: Models) -> None:
        self._models = models

    async def start(self, turn: Turn, *, joining: bool = False) -> Generation:
        """Render and submit a turn, and wait until the engine accepts it.

        ``joining``: it belongs to a request that was accepted already, so a full queue takes it.

        Raises:
            Failure: the model is unknown or away, the template refuses the messages, the prompt
                does not fit, or the queue is full.
        """
        model = self._models.find(turn.model)
        info = model.engine.info
        if not info.decoder:
            msg = f"The model {model.id!r} cannot generate text: it is made for embeddings."
            raise Failure(FailureKind.UNSUPPORTED, msg, param="model")
        if _is_long(turn):  # rendering takes a while: let the event loop go on
            prompt, add_bos = await asyncio.to_thread(_prompt, turn, model)
        else:
            prompt, add_bos = _prompt(turn, model)
        suffix = turn.prompt.suffix if isinstance(turn.prompt, CompletionPrompt) else None
        if suffix is not None and not info.infill:
            msg = f"The model {model.id!r} has no infill tokens: it cannot fill a gap."
            raise Failure(FailureKind.UNSUPPORTED, msg, param="suffix")
        stream = await model.engine.submit(
            prompt, turn.decoding, add_bos=add_bos, infill_suffix=suffix, joining=joining
        )
        return Generation(model.id, stream)


def _is_long(turn: Turn) -> bool:
    if not isinstance(turn.prompt, ChatPrompt):
        return False
    contents = (message.get("content") for message in turn.prompt.messages)
    return sum(len(text) if isinstance(text, str) else _LONG // 8 for text in contents) > _LONG


def _prompt(turn: Turn, model: ServedModel) -> tuple[tuple[PromptPart, ...], bool]:
    """The prompt's parts, and whether the BOS token goes before them."""
    info = model.engine.info
    match turn.prompt:
        case ChatPrompt(messages, kwargs):
            text = model.template.render(model.guard.protect(messages), kwargs)
            bos = info.bos_token
            parts = tuple(TextPart(piece) for piece in model.guard.cut(text))
            return parts, info.add_bos and not (bos and text.startswith(bos))
        case CompletionPrompt(prompt):
            if isinstance(prompt, str):
                return (TextPart(prompt),), info.add_bos
            return (TokenPart(prompt),), False


def _events(output: Output) -> list[Event]:
    events: list[Event] = []
    if output.text or output.logprobs:
        events.append(TextDelta(output.choice, output.text, output.logprobs))
    if (end := output.finish) is not None:
        usage = Usage(
            end.prompt_tokens,
            end.cached_tokens,
            end.completion_tokens,
            end.queue_ms,
            end.prompt_ms,
            end.decode_ms,
        )
        events.append(Finished(output.choice, end.reason, usage))
    return events
