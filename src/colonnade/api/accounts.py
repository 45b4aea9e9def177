"""Counts and times of generations in the words of the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING

from colonnade.api.schema import accounts as wire

if TYPE_CHECKING:
    from colonnade.generation import PromptProgress, Usage


def wire_usage(usage: Usage) -> wire.Usage:
    """OpenAI's ``usage``."""
    return wire.Usage(
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        total_tokens=usage.prompt_tokens + usage.completion_tokens,
        prompt_tokens_details=wire.PromptTokensDetails(
            usage.cached_tokens, usage.audio_tokens, usage.image_tokens
        ),
        completion_tokens_details=wire.CompletionTokensDetails(
            usage.reasoning_tokens,
            accepted_prediction_tokens=usage.predicted_right_tokens,
            rejected_prediction_tokens=usage.predicted_tokens - usage.predicted_right_tokens,
        ),
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


def wire_progress(progress: PromptProgress) -> wire.Progress:
    """llama-server's ``prompt_progress``."""
    usage = progress.usage
    return wire.Progress(
        total=usage.prompt_tokens,
        cache=usage.cached_tokens,
        processed=progress.read,
        time_ms=usage.prompt_ms,
    )


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
