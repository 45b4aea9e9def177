"""What an engine has done since it was started."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from colonnade.messages import Finish


@dataclass(slots=True)
class Totals:
    """Counts of finished requests' tokens and times (seconds), and of requests by their end."""

    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    forced_tokens: int = 0
    drafted_tokens: int = 0
    accepted_tokens: int = 0
    queue_seconds: float = 0.0
    prompt_seconds: float = 0.0
    decode_seconds: float = 0.0
    requests: int = 0
    ends: Counter[str] = field(default_factory=Counter)

    def add(self, finishes: Sequence[Finish]) -> None:
        """Count a request, by the ends of its choices; they share one prompt."""
        first = finishes[0]
        self.requests += 1
        self.prompt_tokens += first.prompt_tokens
        self.cached_tokens += min(each.cached_tokens for each in finishes)
        self.completion_tokens += sum(each.completion_tokens for each in finishes)
        self.forced_tokens += sum(each.forced_tokens for each in finishes)
        self.drafted_tokens += sum(each.drafted_tokens for each in finishes)
        self.accepted_tokens += sum(each.accepted_tokens for each in finishes)
        self.queue_seconds += first.queue_ms / 1e3
        self.prompt_seconds += first.prompt_ms / 1e3
        self.decode_seconds += max(each.decode_ms for each in finishes) / 1e3
        for each in finishes:
            self.ends[each.reason.value] += 1
