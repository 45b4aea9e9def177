"""The pieces of all choices of a completion request, the echoed prompts among them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import msgspec

from colonnade.generation import EndReason, Finished, PromptProgress, TextDelta

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from colonnade.api.batch import Batch
    from colonnade.api.completion_turns import CompletionJob, Prompt
    from colonnade.generation import Event, Generation
    from colonnade.messages import TokenLogprob


@dataclass(slots=True)
class Piece:
    """More of one choice, or its end."""

    index: int
    """Of the choice among all that are generated for the request."""
    text: str
    tokens: tuple[TokenLogprob, ...] = ()
    reason: Literal["stop", "length"] | None = None
    echo: bool = False
    ids: tuple[int, ...] = ()
    stop: str | int | None = None
    progress: PromptProgress | None = None
    """The prompt's alone: then there is no more of the choice."""


async def pieces(batch: Batch, job: CompletionJob) -> AsyncIterator[list[Piece]]:
    """Yield the pieces in the order of coming, each choice's echo first.

    Raises:
        Failure: a generation failed.
    """
    silent = set(range(len(job.prompts))) if job.echo else set()
    async for items in batch.batches():
        ready: list[Piece] = []
        for number, event in items:
            if number in silent and not isinstance(event, PromptProgress):
                # Not before the first event: the prompt's tokens are known only then.
                silent.remove(number)
                ready += _echoes(batch, job, number)
            ready.append(_piece(number * job.generated, event))
        yield ready


def _piece(first: int, event: Event) -> Piece:
    index = first + event.choice
    if isinstance(event, TextDelta):
        return Piece(index, event.text, event.logprobs, ids=event.ids)
    if isinstance(event, Finished):
        reason: Literal["stop", "length"] = "stop"
        if event.reason is EndReason.LENGTH:
            reason = "length"
        return Piece(index, "", reason=reason, stop=event.stop)
    if isinstance(event, PromptProgress):
        return Piece(index, "", progress=event)
    msg = f"no event of a plain continuation: {event}"
    raise TypeError(msg)


def _echoes(batch: Batch, job: CompletionJob, number: int) -> list[Piece]:
    """The echo of a prompt, for each of its choices."""
    text, tokens = _echo(batch.generations[number], job.prompts[number], job)
    if job.logprobs is not None and job.prompt_logprobs is not None:
        tokens = tuple(_trimmed(token, job.logprobs) for token in tokens)
    first = number * job.generated
    return [Piece(index, text, tokens, echo=True) for index in range(first, first + job.generated)]


def _trimmed(token: TokenLogprob, count: int) -> TokenLogprob:
    """A token with as many alternatives at most."""
    return msgspec.structs.replace(token, top=token.top[:count])


def _echo(
    generation: Generation, prompt: Prompt, job: CompletionJob
) -> tuple[str, tuple[TokenLogprob, ...]]:
    """The prompt's text, and its tokens where they were asked for."""
    tokens = generation.prompt_logprobs
    if isinstance(prompt, str):
        tokens = _aligned(tokens, prompt, job.bos)
        if not job.cut:
            return prompt, tokens
    return _joined(tokens).decode(errors="replace"), tokens


def _aligned(tokens: tuple[TokenLogprob, ...], text: str, bos: str) -> tuple[TokenLogprob, ...]:
    """A text's tokens without what the tokenizer put before it: a token, a space."""
    if tokens and bos and tokens[0].token == bos.encode() and not text.startswith(bos):
        tokens = tokens[1:]
    if tokens and _joined(tokens) == b" " + text.encode():
        first = msgspec.structs.replace(tokens[0], token=tokens[0].token[1:])
        tokens = (first, *tokens[1:])
    return tokens


def _joined(tokens: tuple[TokenLogprob, ...]) -> bytes:
    return b"".join(token.token for token in tokens)
