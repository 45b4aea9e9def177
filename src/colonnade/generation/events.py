"""What comes back: one vocabulary of events for every door."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from colonnade.messages import TokenLogprob


class EndReason(StrEnum):
    """Why a choice ended."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"
    """It called tools, and waits for what they return."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts and times (milliseconds) of one choice, or of a whole generation.

    ``reasoning_tokens`` are those whose text went into the thought, its markers included;
    ``forced_tokens`` those that a constraint left no choice in; ``accepted_tokens`` those that were
    guessed right, of ``drafted_tokens`` guesses; ``predicted_tokens`` are those of the guesses that
    came from the client's prediction, and ``predicted_right_tokens`` those of them that were right.
    ``image_tokens`` and ``audio_tokens`` are the prompt's that stand for pictures and sounds.
    """

    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    queue_ms: float
    prompt_ms: float
    decode_ms: float
    reasoning_tokens: int = 0
    forced_tokens: int = 0
    drafted_tokens: int = 0
    accepted_tokens: int = 0
    predicted_tokens: int = 0
    predicted_right_tokens: int = 0
    image_tokens: int = 0
    audio_tokens: int = 0

    @classmethod
    def total(cls, parts: Iterable[Usage]) -> Usage:
        """The sum of what ran side by side: counts add up, times overlap."""
        each = list(parts)
        return cls(
            prompt_tokens=sum(part.prompt_tokens for part in each),
            cached_tokens=sum(part.cached_tokens for part in each),
            completion_tokens=sum(part.completion_tokens for part in each),
            queue_ms=max(part.queue_ms for part in each),
            prompt_ms=max(part.prompt_ms for part in each),
            decode_ms=max(part.decode_ms for part in each),
            reasoning_tokens=sum(part.reasoning_tokens for part in each),
            forced_tokens=sum(part.forced_tokens for part in each),
            drafted_tokens=sum(part.drafted_tokens for part in each),
            accepted_tokens=sum(part.accepted_tokens for part in each),
            predicted_tokens=sum(part.predicted_tokens for part in each),
            predicted_right_tokens=sum(part.predicted_right_tokens for part in each),
            image_tokens=sum(part.image_tokens for part in each),
            audio_tokens=sum(part.audio_tokens for part in each),
        )


@dataclass(frozen=True, slots=True)
class TextDelta:
    """More of a choice's text: whole characters, never empty unless ``logprobs`` or ``ids`` are
    there. ``ids`` are those of its tokens, of this event as of the next ones, when asked for."""

    choice: int
    text: str
    logprobs: tuple[TokenLogprob, ...] = ()
    ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """More of the thought before a choice's answer."""

    choice: int
    text: str
    logprobs: tuple[TokenLogprob, ...] = ()
    ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class CallStart:
    """A choice begins to call a tool. ``index`` counts the choice's calls from 0; ``custom`` tells
    a tool that takes text from one that takes arguments."""

    choice: int
    index: int
    id: str
    name: str
    custom: bool = False
    logprobs: tuple[TokenLogprob, ...] = ()
    ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class CallArguments:
    """More of a call's arguments (pieces of a JSON object's text), or of a custom tool's input."""

    choice: int
    index: int
    text: str
    logprobs: tuple[TokenLogprob, ...] = ()
    ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Finished:
    """A choice ended. ``stop`` is the stop string or the stop token that ended it, None where the
    model itself did."""

    choice: int
    reason: EndReason
    usage: Usage
    stop: str | int | None = None


@dataclass(frozen=True, slots=True)
class PromptProgress:
    """So much of the prompt is read, in tokens, when asked for; ``usage`` up to now."""

    choice: int
    read: int
    usage: Usage


Delta = TextDelta | ReasoningDelta | CallStart | CallArguments
Event = Delta | Finished | PromptProgress
