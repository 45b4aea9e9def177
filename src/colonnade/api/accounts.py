"""Counts and times of generations in the words of the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING

from colonnade.api.schema import accounts as wire
from colonnade.generation import Usage

if TYPE_CHECKING:
    from collections.abc import Iterable


def total(usages: Iterable[Usage]) -> Usage:
    """The sum of generations that ran side by side: counts add up, times overlap."""
    each = list(usages)
    return Usage(
        prompt_tokens=sum(usage.prompt_tokens for usage in each),
        cached_tokens=sum(usage.cached_tokens for usage in each),
        completion_tokens=sum(usage.completion_tokens for usage in each),
        queue_ms=max(usage.queue_ms for usage in each),
        prompt_ms=max(usage.prompt_ms for usage in each),
        decode_ms=max(usage.decode_ms for usage in each),
        reasoning_tokens=sum(usage.reasoning_tokens for usage in each),
        forced_tokens=sum(usage.forced_tokens for usage in each),
        drafted_tokens=sum(usage.drafted_tokens for usage in each),
        accepted_tokens=sum(usage.accepted_tokens for usage in each),
    )


def wire_usage(usage: Usage) -> wire.Usage:
    """OpenAI's ``usage``."""
    return wire.Usage(
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        total_tokens=usage.prompt_tokens + usage.completion_tokens,
        prompt_tokens_details=wire.PromptTokensDetails(usage.cached_tokens),
        completion_tokens_details=wire.CompletionTokensDetails(usage.reasoning_tokens),
    )


def wire_timings(usage: Usage) -> wire.Timings:
    """llama-server's ``timings``."""
    prompt = usage.prompt_tokens - usage.cached_tokens
    return wire.Timings(
        cache_n=usage.cached_tokens,
        queue_ms=usage.queue_ms,
        prompt_n=prompt,
        prompt_ms=usage.prompt_ms,
        prompt_per_token_ms=_ratio(usage.prompt_ms, prompt),
        prompt_per_second=_ratio(1000 * prompt, usage.prompt_ms),
        predicted_n=usage.completion_tokens,
        forced_n=usage.forced_tokens,
        draft_n=usage.drafted_tokens,
        draft_n_accepted=usage.accepted_tokens,
        predicted_ms=usage.decode_ms,
        predicted_per_token_ms=_ratio(usage.decode_ms, usage.completion_tokens),
        predicted_per_second=_ratio(1000 * usage.completion_tokens, usage.decode_ms),
    )


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
