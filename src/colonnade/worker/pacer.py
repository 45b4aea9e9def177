"""How much prefill a step may carry while other sequences decode."""

from __future__ import annotations

_WEIGHT = 0.25
"""Of the newest measurement in the running rate."""


class PrefillPacer:
    """Keeps a step's prefill near a given time, from the rate of the steps before it.

    A fixed number of tokens would be too long on a slow machine and too little on a fast one.
    """

    def __init__(self, target_ms: float, batch_size: int, smallest: int = 16) -> None:
        self._target = target_ms / 1e3
        self._largest = batch_size
        self._smallest = min(smallest, batch_size)
        self._rate = 0.0

    @property
    def budget(self) -> int:
        """Tokens for the next step."""
        if not self._rate:
            return self._smallest * 2
        return max(self._smallest, min(self._largest, int(self._rate * self._target)))

    def observe(self, tokens: int, seconds: float) -> None:
        """Learn from a step that carried ``tokens`` of prefill."""
        if tokens < self._smallest or seconds <= 0:
            return
        rate = tokens / seconds
        self._rate = rate if not self._rate else self._rate + _WEIGHT * (rate - self._rate)
