"""What comes back: one vocabulary of events for every door."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from colonnade.messages import FinishReason, TokenLogprob


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts and times (milliseconds) of one choice, or of a whole generation."""

    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    queue_ms: float
    prompt_ms: float
    decode_ms: float


@dataclass(frozen=True, slots=True)
class TextDelta:
    """More of a choice's text: whole characters, never empty unless ``logprobs`` are there."""

    choice: int
    text: str
    logprobs: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True, slots=True)
class Finished:
    """A choice ended."""

    choice: int
    reason: FinishReason
    usage: Usage


Event = TextDelta | Finished
